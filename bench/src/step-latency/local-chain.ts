import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { tempDir, tools } from "@tidemill/testing";

const execute = promisify(execFile);
/** 2.17.3 asks for versions of others that do not exist. */
const KFP = "kfp==2.17.0";
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Times a chain with kfp.local, tasks as subprocesses without a venv. */
export async function timeLocalChain(
  script: (runs: number) => string,
  runs: number,
): Promise<readonly number[]> {
  const python = await pythonWithKfp();
  const directory = tempDir("kfp-local");
  const file = join(directory, "chain.py");
  writeFileSync(file, script(runs));
  const { stdout } = await execute(python, [file, join(directory, "outputs")], {
    cwd: directory,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  const line = stdout.split("\n").find((text) => text.startsWith("TOOK "));
  if (line === undefined) throw new Error(`kfp.local printed no times: ${stdout.slice(-2_000)}`);
  return JSON.parse(line.slice("TOOK ".length));
}

/** A venv with the whole SDK, made once for this user. */
async function pythonWithKfp(): Promise<string> {
  const { uv, python } = await tools();
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), ".cache");
  const directory = join(cache, "tidemill", KFP.replace("==", "-"));
  const interpreter = join(directory, "bin", "python");
  if (existsSync(join(directory, "complete"))) return interpreter;
  await execute(uv, ["venv", "--quiet", "--clear", "--seed", "--python", python.path, directory]);
  // pip, not uv: it reads the user's own settings of where packages come from.
  await execute(interpreter, ["-m", "pip", "install", "--quiet", KFP], {
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  writeFileSync(join(directory, "complete"), "");
  return interpreter;
}
