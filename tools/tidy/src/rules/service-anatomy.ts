import type { Finding, Rule } from "../rule.ts";

const everyService = ["main", "config", "service", "index"];
const roomsOfServices = [
  "rpc",
  "operations",
  "domain",
  "store",
  "events",
  "controllers",
  "runtimes",
  "facades",
];
const roomsOf: Readonly<Record<string, readonly string[]>> = {
  orchestrator: ["engine", "specs"],
  artifacts: ["blobs"],
};
const workerRooms = [
  "main",
  "config",
  "service",
  "index",
  "stream",
  "environments",
  "attempts",
  "logs",
  "runners",
];
const fileLinesMax: Readonly<Record<string, number>> = { main: 40, config: 120, service: 150 };

/** Every service has the same rooms under the same names, and its entry files stay short. */
export const serviceAnatomy: Rule = {
  name: "every service has the same rooms",
  check(repository) {
    const findings: Finding[] = [];
    const services = new Set<string>();
    for (const file of repository.files) {
      const match = /^(?:services\/([^/]+)|worker)\/src\/([^/]+)(?:\/|$)/.exec(file.path);
      if (match?.[2] === undefined) continue;
      const service = match[1];
      if (service !== undefined) services.add(service);
      const room = match[2].replace(/(\.test)?\.ts$/, "");
      const known =
        service === undefined
          ? workerRooms
          : [...everyService, ...roomsOfServices, ...(roomsOf[service] ?? [])];
      if (!known.includes(room)) {
        findings.push({
          path: file.path,
          message: `"${room}" is no room; the rooms are ${known.join(", ")}`,
        });
      }
      const linesMax = fileLinesMax[match[2].replace(/\.ts$/, "")];
      const lines = file.text.trimEnd().split("\n").length;
      if (linesMax !== undefined && lines > linesMax) {
        findings.push({ path: file.path, message: `${lines} lines; at most ${linesMax} here` });
      }
    }
    for (const service of services) {
      for (const name of everyService) {
        const path = `services/${service}/src/${name}.ts`;
        if (repository.find(path) === undefined) findings.push({ path, message: "is missing" });
      }
    }
    return findings;
  },
};
