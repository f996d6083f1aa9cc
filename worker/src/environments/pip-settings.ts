/** pip's settings that say where packages come from, as uv takes them. */
export interface InstallerSettings {
  /** Addresses, which may hold a password, are no flags: arguments are no secret. */
  readonly flags: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly indexUrl?: string;
  readonly extraIndexUrls: readonly string[];
}

type Setting = readonly [key: string, value: string];

/**
 * Reads what `python -m pip config list` prints (`global.index-url='...'`, `:env:.cert='...'`).
 * What stands later there overrides: an environment variable a file, `install` a `global` section.
 */
export function parsePipConfig(listing: string): ReadonlyMap<string, string> {
  const sections: Record<string, Setting[]> = { global: [], install: [], ":env:": [] };
  for (const line of listing.split("\n")) {
    const match = /^(global|install|:env:)\.([a-z0-9-]+)=(.*)$/.exec(line.trim());
    if (match === null) continue;
    const [, section = "", key = "", literal = ""] = match;
    sections[section]?.push([key, unquote(literal)]);
  }
  return new Map(
    [...(sections.global ?? []), ...(sections.install ?? []), ...(sections[":env:"] ?? [])].map(
      ([key, value]) => [key === "default-timeout" ? "timeout" : key, value] as const,
    ),
  );
}

/** The same from `PIP_*` variables alone, for a Python that has no pip. */
export function pipVariables(env: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const found = Object.entries(env).filter(([name]) => name.startsWith("PIP_"));
  const keyOf = (name: string) => name.slice("PIP_".length).toLowerCase().replaceAll("_", "-");
  return new Map(
    found.map(([name, value]) => [name === "PIP_DEFAULT_TIMEOUT" ? "timeout" : keyOf(name), value]),
  );
}

/** Translates pip's settings for uv, which reads none of them itself. */
export function installerSettings(settings: ReadonlyMap<string, string>): InstallerSettings {
  const flags: string[] = [];
  const env: Record<string, string> = {};
  const each = (key: string) => (settings.get(key) ?? "").split(/\s+/).filter(Boolean);
  const extraIndexUrls = each("extra-index-url");
  const indexUrl = settings.get("index-url");
  const places = each("find-links");
  if (places.length > 0) env.UV_FIND_LINKS = places.join(",");
  for (const host of each("trusted-host")) flags.push("--allow-insecure-host", host);
  for (const file of each("constraint")) flags.push("--constraints", file);
  if (isTrue(settings.get("no-index"))) flags.push("--no-index");
  if (isTrue(settings.get("pre"))) flags.push("--prerelease", "allow");
  const proxy = settings.get("proxy");
  if (proxy) Object.assign(env, { HTTPS_PROXY: proxy, HTTP_PROXY: proxy, ALL_PROXY: proxy });
  const cert = settings.get("cert");
  if (cert) env.SSL_CERT_FILE = cert;
  const clientCert = settings.get("client-cert");
  if (clientCert) env.SSL_CLIENT_CERT = clientCert;
  const timeoutS = Number(settings.get("timeout"));
  if (timeoutS > 0) env.UV_HTTP_TIMEOUT = String(Math.ceil(timeoutS));
  const retries = Number(settings.get("retries"));
  if (Number.isInteger(retries) && retries > 0) env.UV_HTTP_RETRIES = String(retries);
  return indexUrl ? { flags, env, indexUrl, extraIndexUrls } : { flags, env, extraIndexUrls };
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && /^(1|true|yes|on|y|t)$/i.test(value);
}

/** A Python string literal, as pip prints values. */
function unquote(literal: string): string {
  const quote = literal.charAt(0);
  if ((quote !== "'" && quote !== '"') || !literal.endsWith(quote)) return literal;
  return literal.slice(1, -1).replace(/\\(.)/g, (_, escaped: string) => {
    return escaped === "n" ? "\n" : escaped === "t" ? "\t" : escaped;
  });
}
