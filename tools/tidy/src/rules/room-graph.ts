import { type Finding, isTest, lineAt, modulesOf, type Rule } from "../rule.ts";
import { importsOf, resolveRelative } from "../syntax.ts";

/** Rooms of a service, and which other rooms each may import. `service` is the composition root. */
const rooms: Readonly<Record<string, readonly string[] | "all">> = {
  main: ["config", "service"],
  config: [],
  index: ["config", "service"],
  service: "all",
  rpc: ["operations", "store", "domain", "engine", "specs", "blobs", "events"],
  operations: ["domain", "store", "events", "engine", "specs", "blobs"],
  domain: [],
  store: ["domain"],
  events: ["domain", "operations", "store"],
  controllers: ["domain", "store", "operations"],
  runtimes: ["domain"],
  facades: ["operations", "store", "domain", "blobs"],
  engine: ["domain", "store", "events", "specs", "blobs"],
  specs: ["domain"],
  blobs: ["domain", "store"],
};

/** Third-party libraries that a domain may use: pure, no input or output. */
const domainLibraries = ["@tidemill/errors", "@bufbuild/cel"];

/** Packages with input and output, kept to the rooms that exist for them. */
const keptTo: readonly { readonly specifier: RegExp; readonly rooms: readonly string[] }[] = [
  {
    specifier: /^(pg|kysely)$/,
    rooms: ["store", "service"],
  },
  {
    specifier: /^@tidemill\/postgres$/,
    rooms: ["store", "service", "operations", "engine", "events", "config", "rpc"],
  },
  {
    specifier: /^@tidemill\/proto/,
    rooms: ["rpc", "events", "service", "engine", "store", "operations"],
  },
  { specifier: /^@connectrpc\//, rooms: ["rpc", "service"] },
];

/** Inside a service the rooms import each other in one direction only. */
export const roomGraph: Rule = {
  name: "imports inside a service follow the room graph",
  check: (repository) =>
    modulesOf(repository).flatMap((file) => {
      const place = placeOf(file.path);
      if (place === undefined || isTest(file.path)) return [];
      const findings: Finding[] = [];
      for (const found of importsOf(file)) {
        const message = judge(file.path, place, found.specifier);
        if (message !== undefined) {
          findings.push({ path: file.path, line: lineAt(file.text, found.offset), message });
        }
      }
      return findings;
    }),
};

interface Place {
  readonly service: string;
  readonly room: string;
}

function judge(path: string, place: Place, specifier: string): string | undefined {
  if (specifier.startsWith(".")) {
    const target = placeOf(resolveRelative(path, specifier));
    if (target === undefined || target.room === place.room) return undefined;
    const reachable = rooms[place.room];
    if (reachable === undefined || reachable === "all" || reachable.includes(target.room)) {
      return undefined;
    }
    const list = reachable.join(", ") || "nothing";
    return `${place.room} may not import ${target.room}; it may import: ${list}`;
  }
  if (place.room === "domain" && !domainLibraries.includes(specifier)) {
    return `a domain is pure: it may import ${domainLibraries.join(", ")}, not ${specifier}`;
  }
  const limit = keptTo.find((entry) => entry.specifier.test(specifier));
  if (limit !== undefined && !limit.rooms.includes(place.room)) {
    return `${specifier} is kept to ${limit.rooms.join(", ")}; ${place.room} may not import it`;
  }
  return undefined;
}

function placeOf(path: string): Place | undefined {
  const match = /^services\/([^/]+)\/src\/([^/]+?)(\.ts)?(\/|$)/.exec(path);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { service: match[1], room: match[2] };
}
