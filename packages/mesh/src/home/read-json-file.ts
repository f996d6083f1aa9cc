import { readFile } from "node:fs/promises";

/**
 * A file that is only of use while the machine is up. Undefined when there is none, and when a
 * power cut left it empty or cut short: nothing depends on it then.
 */
export async function readJsonFile<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (error) {
    const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
    if (isAbsent || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
