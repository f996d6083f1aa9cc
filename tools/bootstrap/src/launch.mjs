// Runs under any Node >= 18, before anything is installed: only built-in modules here.
import module from "node:module";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ensureInstalled, isInstalled } from "./install.mjs";
import { checkMachine, checkPlatform } from "./machine.mjs";
import { projectNode, runOn } from "./project-node.mjs";
import { root } from "./root.mjs";
import { SetupFailure } from "./setup-failure.mjs";

/** The exit code of a machine that cannot run the mesh, as `tidemill --help` documents it. */
const EXIT_UNAVAILABLE = 3;

/**
 * Runs a TypeScript file of this repository: checks the machine, installs what package-lock.json
 * names unless that was done, and goes on with the locked Node. Where this process is that Node
 * already, the file is imported right here.
 * @param {string} entry relative to the root of the repository
 * @param {readonly string[]} args
 */
export async function launch(entry, args) {
  try {
    checkPlatform();
    if (!isInstalled()) {
      checkMachine(process.env);
      await ensureInstalled();
    }
    const node = projectNode();
    if (node !== process.execPath) {
      process.exitCode = await runOn(node, [resolve(root, entry), ...args]);
      return;
    }
  } catch (error) {
    if (!(error instanceof SetupFailure)) throw error;
    process.stderr.write(`tidemill: ${error.message}\n`);
    process.exitCode = EXIT_UNAVAILABLE;
    return;
  }
  module.enableCompileCache?.(join(root, "node_modules", ".cache", "compile"));
  process.argv.splice(1, process.argv.length - 1, resolve(root, entry), ...args);
  await import(pathToFileURL(resolve(root, entry)).href);
}
