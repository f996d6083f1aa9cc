import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { python, toolsDirectory } from "../tools.ts";

/** The official gRPC packages, one version; the folder's name changes with it. */
const GRPC_VERSION = "1.85.1";
const packages = [
  `grpcio==${GRPC_VERSION}`,
  `grpcio-health-checking==${GRPC_VERSION}`,
  `grpcio-reflection==${GRPC_VERSION}`,
  `grpcio-status==${GRPC_VERSION}`,
];
const INSTALL_MS_MAX = 180_000;

let installed: Promise<string> | undefined;

/** A directory for PYTHONPATH, filled by pip once and kept for all clones of the user. */
export function grpcPackages(): Promise<string> {
  installed ??= install();
  return installed;
}

async function install(): Promise<string> {
  const interpreter = await python();
  const { stdout } = await promisify(execFile)(interpreter, [
    "-c",
    "import sys; print('%d.%d' % sys.version_info[:2])",
  ]);
  const root = toolsDirectory();
  const target = join(root, `grpcio-${GRPC_VERSION}-py${stdout.trim()}`);
  if (existsSync(target)) return target;
  await mkdir(root, { recursive: true });
  const partial = await mkdtemp(`${target}.partial-`);
  const options = ["--quiet", "--only-binary", ":all:", "--target", partial];
  await promisify(execFile)(interpreter, ["-m", "pip", "install", ...options, ...packages], {
    timeout: INSTALL_MS_MAX,
    env: { ...process.env, PIP_DISABLE_PIP_VERSION_CHECK: "1", PIP_ROOT_USER_ACTION: "ignore" },
  });
  try {
    await rename(partial, target);
  } catch (error) {
    // Another test process was faster; its folder is as good.
    await rm(partial, { recursive: true, force: true });
    if (!existsSync(target)) throw error;
  }
  return target;
}
