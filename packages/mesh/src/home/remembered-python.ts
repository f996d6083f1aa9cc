import { existsSync } from "node:fs";
import { join } from "node:path";
import { findPython, type Python } from "../tools/find-python.ts";
import type { HomeLayout } from "./home-layout.ts";
import { readJsonFile } from "./read-json-file.ts";
import { writeFileDurably } from "./write-file-durably.ts";

interface Memory {
  /** What the search depended on. */
  readonly path: string;
  readonly named: string;
  readonly python: Python;
}

/**
 * The Python of this home: looked for once and remembered, since asking every candidate takes
 * longer than a server to start. Looked for again when PATH or TIDEMILL_PYTHON changed, when the
 * interpreter is gone, or while it has no pip.
 */
export async function rememberedPython(
  layout: HomeLayout,
  env: Readonly<Record<string, string>>,
): Promise<Python> {
  const file = join(layout.run, "python.json");
  const asked = { path: env.PATH ?? "", named: env.TIDEMILL_PYTHON ?? "" };
  const memory = await readJsonFile<Memory>(file);
  if (
    memory?.path === asked.path &&
    memory.named === asked.named &&
    memory.python.hasPip &&
    existsSync(memory.python.path)
  ) {
    return memory.python;
  }
  const python = await findPython(env);
  await writeFileDurably(file, JSON.stringify({ ...asked, python }), { sync: false });
  return python;
}
