import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** What `npx tidemill` starts, by the Node that runs the test. */
export const tidemillBin = join(root, "cli/bin/tidemill.mjs");
