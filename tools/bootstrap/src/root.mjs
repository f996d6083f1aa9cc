import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where package.json and package-lock.json of the repository are. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..");
