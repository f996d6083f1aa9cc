import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import { root } from "./root.mjs";
import { SetupFailure } from "./setup-failure.mjs";

const MAJOR_MIN = 24;

/**
 * The Node that everything runs on: the locked npm package of this platform, or this very process
 * where there is no such package and it is new enough.
 */
export function projectNode() {
  const name = `node-${process.platform}-${process.arch}`;
  const locked = join(root, "node_modules", name, "bin", "node");
  if (existsSync(locked)) return realpathSync(locked);
  if (Number.parseInt(process.versions.node, 10) >= MAJOR_MIN) return process.execPath;
  throw new SetupFailure(
    `Node ${process.versions.node} is too old, and npm has no Node for ${process.platform}-${process.arch}`,
    `install Node ${MAJOR_MIN} or newer and start again`,
  );
}

/**
 * Runs a Node to its end and returns the exit code. Signals are passed on, a Ctrl-C as a message:
 * the terminal has told the child already, and a second signal would end it in disorder. That this
 * process is gone, even by SIGKILL, the child learns by the end of its channel.
 * @param {string} node
 * @param {readonly string[]} args
 * @returns {Promise<number>}
 */
export function runOn(node, args) {
  const child = spawn(node, args, {
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: {
      ...process.env,
      NODE_COMPILE_CACHE:
        process.env.NODE_COMPILE_CACHE ?? join(root, "node_modules", ".cache", "compile"),
    },
  });
  process.on("SIGINT", () => {
    // One that has just ended is told nothing any more.
    child.send("interrupt", () => {});
  });
  for (const signal of /** @type {const} */ (["SIGTERM", "SIGHUP"])) {
    process.on(signal, () => child.kill(signal));
  }
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
