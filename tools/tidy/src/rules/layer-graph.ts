import type { Repository } from "../repository.ts";
import { type Finding, isTest, lineAt, modulesOf, type Rule } from "../rule.ts";
import { importsOf, resolveRelative } from "../syntax.ts";

/** What may import what. Tests may import `testing` besides. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  "packages/errors": [],
  "packages/images": [],
  "packages/lifecycle": [],
  "packages/proto": [],
  "packages/config": ["errors"],
  "packages/telemetry": ["config", "errors", "lifecycle"],
  "packages/rpc": ["config", "errors", "lifecycle", "proto", "telemetry"],
  "packages/postgres": ["errors", "lifecycle", "telemetry"],
  "packages/eventing": ["config", "errors", "lifecycle", "postgres", "proto", "telemetry"],
  "packages/mesh": ["config", "errors", "lifecycle", "proto", "rpc", "telemetry"],
  "packages/testing": [
    "config",
    "errors",
    "eventing",
    "lifecycle",
    "mesh",
    "postgres",
    "proto",
    "rpc",
    "telemetry",
  ],
  services: [
    "config",
    "errors",
    "eventing",
    "images",
    "lifecycle",
    "postgres",
    "proto",
    "rpc",
    "telemetry",
  ],
  worker: ["config", "errors", "images", "lifecycle", "proto", "rpc", "telemetry"],
  cli: ["config", "errors", "lifecycle", "mesh", "proto", "rpc"],
  // The orchestrator's own check of its tables (`@tidemill/orchestrator/testing`) is no client's.
  e2e: [
    "config",
    "errors",
    "lifecycle",
    "mesh",
    "orchestrator",
    "postgres",
    "proto",
    "rpc",
    "telemetry",
    "testing",
  ],
};

/** Tools and benches look at everything; nothing that ships imports them. */
const unrestricted = ["bench", "tools", "examples"];

/** An import over a package's border is one that the map of the repository shows. */
export const layerGraph: Rule = {
  name: "imports between packages follow the layer graph",
  check: (repository) =>
    modulesOf(repository).flatMap((file) => {
      const findings: Finding[] = [];
      const owner = ownerOf(file.path);
      for (const found of importsOf(file)) {
        const message = judge(repository, file.path, owner, found.specifier);
        if (message !== undefined) {
          findings.push({ path: file.path, line: lineAt(file.text, found.offset), message });
        }
      }
      return findings;
    }),
};

function judge(
  repository: Repository,
  path: string,
  owner: string,
  specifier: string,
): string | undefined {
  // What runs before anything is installed cannot import a package by its name.
  if (/\/bin\/[^/]+\.mjs$/.test(path)) return undefined;
  if (specifier.startsWith(".")) {
    const target = resolveRelative(path, specifier);
    if (owner !== "" && !target.startsWith(`${owner}/`)) {
      return `imports ${specifier} out of ${owner}: import the package by its name`;
    }
    if (repository.find(target) === undefined) {
      return `imports ${specifier}, which is not there: imports end in .ts`;
    }
    return undefined;
  }
  const name = /^@tidemill\/([^/]+)/.exec(specifier)?.[1];
  const layer = owner.startsWith("services/") ? "services" : owner;
  if (name === undefined || unrestricted.includes(layer.split("/")[0] ?? "")) return undefined;
  if (owner.split("/").at(-1) === name) return undefined;
  if (allowed[layer]?.includes(name) || (name === "testing" && isTest(path))) return undefined;
  const list = allowed[layer]?.join(", ") || "nothing";
  return `${layer} may not import @tidemill/${name}; it may import: ${list}`;
}

/** `packages/rpc`, `services/artifacts`, `cli`; "" for files at the root. */
export function ownerOf(path: string): string {
  const [first = "", second] = path.split("/");
  if (second === undefined) return "";
  return first === "packages" || first === "services" || first === "tools"
    ? `${first}/${second}`
    : first;
}
