import { ForbiddenError } from "@tidemill/errors";

/** Decides which Host and Origin headers a server answers. */
export interface HostPolicy {
  /** Throws ForbiddenError FOREIGN_HOST. Absent headers pass: no browser leaves them out. */
  require(host: string | undefined, origin: string | undefined): void;
}

export const ALLOWED_HOSTS_SETTING = "TIDEMILL_ALLOWED_HOSTS";
/** Verdicts remembered, so that the hot path is one look-up. */
const VERDICTS_MAX = 256;

/**
 * Loopback names pass on any port, so do those in `allowedHosts` (a name without a port allows any
 * port). Everything else is a page that had its own name resolved to this machine (DNS rebinding).
 */
export function createHostPolicy(allowedHosts: readonly string[] = []): HostPolicy {
  const allowed = new Set(allowedHosts.map((host) => host.toLowerCase()));
  const passed = new Set<string>();

  function passes(url: URL | null): boolean {
    if (url === null || url.username !== "" || url.password !== "") return false;
    return isLoopback(url.hostname) || allowed.has(url.hostname) || allowed.has(url.host);
  }

  function requireName(header: string, value: string, toUrl: (value: string) => URL | null): void {
    const key = `${header}${value}`;
    if (passed.has(key)) return;
    if (!passes(toUrl(value))) {
      throw new ForbiddenError(
        "FOREIGN_HOST",
        `${header} ${JSON.stringify(value.slice(0, 256))} is not one this server answers to: ` +
          `use localhost, or add the name to ${ALLOWED_HOSTS_SETTING}`,
        { metadata: { setting: ALLOWED_HOSTS_SETTING } },
      );
    }
    if (passed.size < VERDICTS_MAX) passed.add(key);
  }

  return {
    require(host, origin) {
      if (host !== undefined) requireName("host", host, urlOfHost);
      if (origin !== undefined) requireName("origin", origin, (value) => URL.parse(value));
    },
  };
}

/** Whether an address or name can only be reached from this machine. */
export function isLoopback(hostname: string): boolean {
  const name = hostname.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return name === "localhost" || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}

function urlOfHost(host: string): URL | null {
  return /^[^/?#@\\\s]+$/.test(host) ? URL.parse(`http://${host}`) : null;
}
