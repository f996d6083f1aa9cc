import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");

/** An executable that npm installed, by its name. */
export function installed(name: string): string {
  return join(root, "node_modules", ".bin", name);
}
