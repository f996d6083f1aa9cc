import { delimiter, join } from "node:path";

export interface TaskEnvironmentOptions {
  readonly directory: string;
  readonly declared: Readonly<Record<string, string>>;
  /** Where this machine's own programs are. */
  readonly hostPath: string;
  /** `bin/` of the Python environment, for tasks that have one. */
  readonly binDirectory?: string | undefined;
}

/**
 * Where pip puts what a task installs while it runs: environments are shared and stay as they are.
 */
export function packagesDirectory(directory: string): string {
  return join(directory, ".packages");
}

/**
 * Every variable a task sees: what a container of a Python image would have, and what was declared,
 * which wins. Nothing of this process's own environment, so no secret of a service.
 */
export function taskEnvironment(options: TaskEnvironmentOptions): Record<string, string> {
  const { directory, declared, hostPath, binDirectory } = options;
  const env: Record<string, string> = {
    PATH: binDirectory === undefined ? hostPath : `${binDirectory}${delimiter}${hostPath}`,
    HOME: directory,
    LANG: "C.UTF-8",
    LC_ALL: "C.UTF-8",
    TZ: "UTC",
  };
  if (binDirectory === undefined) return { ...env, ...declared };
  const packages = packagesDirectory(directory);
  const pythonPath = declared.PYTHONPATH;
  return {
    ...env,
    PYTHONUNBUFFERED: "1",
    PIP_DISABLE_PIP_VERSION_CHECK: "1",
    PIP_ROOT_USER_ACTION: "ignore",
    PIP_TARGET: packages,
    ...declared,
    PYTHONPATH: pythonPath ? `${pythonPath}${delimiter}${packages}` : packages,
  };
}

const FIXED_AT_START = /^(PYTHON(?!PATH$|UNBUFFERED$)|LD_|DYLD_|MALLOC_|GLIBC_)/;

/**
 * Whether variables could have an effect that a running interpreter has missed: the interpreter and
 * the loader read some at their start, and modules that were imported ahead may have read any.
 */
export function needsOwnInterpreter(
  declared: Readonly<Record<string, string>>,
  importsAhead: boolean,
): boolean {
  const names = Object.keys(declared);
  if (importsAhead) return names.length > 0;
  return names.some((name) => FIXED_AT_START.test(name));
}
