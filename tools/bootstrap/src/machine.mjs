import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync, statfsSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { root } from "./root.mjs";
import { SetupFailure } from "./setup-failure.mjs";

const NODE_MAJOR_MIN = 18;
const PYTHON_MINOR_MIN = 10;
const MIB = 1024 * 1024;
/** The npm packages with their Node and PostgreSQL. */
const INSTALL_MIB_MIN = 1200;
/** Tools, an empty database with its log, and environments of a first pipeline. */
const HOME_MIB_MIN = 1500;

/** Cheap enough for every command. */
export function checkPlatform() {
  if (process.platform === "win32") {
    throw new SetupFailure(
      "Windows itself cannot run the mesh",
      "install WSL2 and start from a Linux shell there",
    );
  }
  if (Number.parseInt(process.versions.node, 10) < NODE_MAJOR_MIN) {
    throw new SetupFailure(
      `Node ${process.versions.node} is too old`,
      `install Node ${NODE_MAJOR_MIN} or newer with npm`,
    );
  }
}

/**
 * What would let a first start fail half-way, asked before anything is downloaded.
 * @param {NodeJS.ProcessEnv} env
 */
export function checkMachine(env) {
  checkPython(env);
  const home = resolve(env.TIDEMILL_HOME || join(homedir(), ".tidemill"));
  checkWritable(root, "the clone", "move it to a directory of yours");
  checkWritable(home, "the home of the mesh", "name another directory in TIDEMILL_HOME");
  checkSpace(root, INSTALL_MIB_MIN, "the npm packages");
  checkSpace(home, HOME_MIB_MIN, "the home of the mesh (TIDEMILL_HOME moves it)");
}

/** @param {NodeJS.ProcessEnv} env */
function checkPython(env) {
  const names = env.TIDEMILL_PYTHON
    ? [env.TIDEMILL_PYTHON]
    : ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10", "python"];
  const probe =
    "import importlib.util as u, sys; print(*sys.version_info[:2], u.find_spec('pip') is not None)";
  let found = "none was found";
  let action = "install python3 and python3-pip, or name an interpreter in TIDEMILL_PYTHON";
  for (const name of names) {
    const result = spawnSync(name, ["-c", probe], { encoding: "utf8" });
    if (result.status !== 0) continue;
    const [major, minor, pip] = result.stdout.trim().split(" ");
    if (Number(major) !== 3 || Number(minor) < PYTHON_MINOR_MIN) {
      found = `${name} is ${major}.${minor}`;
    } else if (pip === "True") {
      return;
    } else {
      found = `${name} (${major}.${minor}) has no pip`;
      action = "install python3-pip (or run `python3 -m ensurepip`)";
    }
  }
  throw new SetupFailure(`Python >= 3.${PYTHON_MINOR_MIN} with pip is needed: ${found}`, action);
}

/**
 * @param {string} path
 * @param {string} what
 * @param {string} action
 */
function checkWritable(path, what, action) {
  const existing = nearestExisting(path);
  try {
    accessSync(existing, constants.W_OK | constants.X_OK);
  } catch {
    const where = existing === path ? path : `${path} (in ${existing})`;
    throw new SetupFailure(`${what}, ${where}, cannot be written`, action);
  }
}

/**
 * @param {string} path
 * @param {number} mibMin
 * @param {string} what
 */
function checkSpace(path, mibMin, what) {
  if (typeof statfsSync !== "function") return;
  const stats = statfsSync(nearestExisting(path));
  const freeMib = Math.floor((stats.bavail * stats.bsize) / MIB);
  if (freeMib >= mibMin) return;
  throw new SetupFailure(
    `the disk of ${path} has ${freeMib} MiB left, and ${what} may take ${mibMin} MiB`,
    "make room on it, then start again",
  );
}

/** @param {string} path */
function nearestExisting(path) {
  let current = path;
  while (!existsSync(current)) current = dirname(current);
  return current;
}
