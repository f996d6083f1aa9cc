import { existsSync } from "node:fs";
import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { portsAt } from "@tidemill/config";
import { messageOf } from "@tidemill/errors";
import { FREE_MIB_MIN, freeMibAt } from "../home/free-space.ts";
import { homeLayout } from "../home/home-layout.ts";
import { readVersion } from "../home/open-home.ts";
import { findPostgresDirectory } from "../home/postgres-site.ts";
import { probeDirectory } from "../home/probe-directory.ts";
import { requireFreePorts } from "../ports/require-free-ports.ts";
import { installedPostgres } from "../servers/postgres-binaries.ts";
import { findPython } from "../tools/find-python.ts";
import { wheels } from "../tools/toolbox.ts";
import { findWheel } from "../tools/wheel.ts";
import { meshStatus } from "./mesh-status.ts";

export interface Finding {
  readonly check: string;
  readonly outcome: "good" | "notice" | "bad";
  /** What was found and, where it is bad, what to do. */
  readonly message: string;
}

export interface DoctorOptions {
  readonly home: string;
  readonly portOffset: number;
  readonly env: Readonly<Record<string, string>>;
}

const MIB_OF_GIB = 1024;
const FREE_GIB_GOOD = 2;

/** Looks at everything that a start needs, changes nothing, and never throws. */
export async function doctor(options: DoctorOptions): Promise<Finding[]> {
  const checks: [string, () => Promise<Omit<Finding, "check">>][] = [
    ["node", async () => good(`${process.version} at ${process.execPath}`)],
    ["python", () => examinePython(options)],
    ["postgres", async () => good(`PostgreSQL ${installedPostgres().version}`)],
    ["home", () => examineHome(options)],
    ["database", () => examineDatabase(options)],
    ["disk", () => examineDisk(options)],
    ["tools", () => examineTools(options)],
    ["mesh", () => examineMesh(options)],
    ["ports", () => examinePorts(options)],
  ];
  return Promise.all(
    checks.map(async ([check, examine]): Promise<Finding> => {
      try {
        return { check, ...(await examine()) };
      } catch (error) {
        return { check, outcome: "bad", message: messageOf(error) };
      }
    }),
  );
}

function good(message: string): Omit<Finding, "check"> {
  return { outcome: "good", message };
}

async function examinePython({ env }: DoctorOptions): Promise<Omit<Finding, "check">> {
  const python = await findPython(env);
  const message = `${python.version} at ${python.path}`;
  if (python.hasPip) return good(message);
  return { outcome: "bad", message: `${message} has no pip: install python3-pip` };
}

async function examineHome({ home }: DoctorOptions): Promise<Omit<Finding, "check">> {
  if (!existsSync(home)) return good(`${home} does not exist yet: the first start makes it`);
  const version = await readVersion(homeLayout(home));
  await probeDirectory(home);
  const mode = ((await stat(home)).mode & 0o777).toString(8);
  if (version === undefined) return good(`${home} has no mesh yet`);
  const message = `${home}, layout ${version.layout}, mode ${mode}`;
  return mode === "700"
    ? good(message)
    : { outcome: "notice", message: `${message}: 700 is safer` };
}

async function examineDatabase({ home }: DoctorOptions): Promise<Omit<Finding, "check">> {
  const directory = await findPostgresDirectory(homeLayout(home));
  if (!existsSync(directory)) {
    return existsSync(homeLayout(home).version)
      ? { outcome: "bad", message: `${directory} is gone: restore it, or use another home` }
      : good("made by the first start");
  }
  return good(directory);
}

async function examineDisk({ home }: DoctorOptions): Promise<Omit<Finding, "check">> {
  let existing = home;
  while (!existsSync(existing)) existing = dirname(existing);
  const freeMib = await freeMibAt(existing);
  if (freeMib < FREE_MIB_MIN) {
    const message = `${freeMib} MiB free on the disk of ${existing}, a start needs ${FREE_MIB_MIN}: make room on it`;
    return { outcome: "bad", message };
  }
  const message = `${(freeMib / MIB_OF_GIB).toFixed(1)} GiB free`;
  return freeMib >= FREE_GIB_GOOD * MIB_OF_GIB
    ? good(message)
    : { outcome: "notice", message: `${message}: environments and artifacts may soon need more` };
}

async function examineTools({ home }: DoctorOptions): Promise<Omit<Finding, "check">> {
  const { tools } = homeLayout(home);
  const missing: string[] = [];
  for (const wheel of Object.values(wheels)) {
    if ((await findWheel(wheel, tools)) === undefined)
      missing.push(`${wheel.name}-${wheel.version}`);
  }
  if (missing.length === 0) return good("all fetched: a start needs no network");
  return { outcome: "notice", message: `the next start fetches ${missing.join(", ")} with pip` };
}

async function examineMesh({ home }: DoctorOptions): Promise<Omit<Finding, "check">> {
  const status = await meshStatus(home);
  switch (status.state) {
    case "down":
      return good("down: `npx tidemill up` starts it");
    case "crashed":
      return {
        outcome: "notice",
        message: `process ${status.record.pid} was killed: the next start recovers`,
      };
    case "starting":
    case "up":
      return good(`${status.state}, process ${status.record.pid}`);
    case "degraded": {
      const names = status.processes.filter(({ serving }) => !serving).map(({ name }) => name);
      const message = `not serving: ${names.join(", ")}; see ${homeLayout(home).logs}`;
      return { outcome: "bad", message };
    }
    default:
      return status satisfies never;
  }
}

async function examinePorts({ home, portOffset }: DoctorOptions): Promise<Omit<Finding, "check">> {
  const status = await meshStatus(home);
  if (status.state !== "down" && status.state !== "crashed") return good("held by this mesh");
  await requireFreePorts(portOffset);
  const ports = portsAt(portOffset);
  return good(`free, ${ports.orchestratorHttp} to ${ports.orchestratorGrpc}`);
}
