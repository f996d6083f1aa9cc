import {
  type InstallPlan,
  noInstall,
  parseInstallScript,
} from "../../environments/install-script.ts";

/** A lightweight Python component, which needs no shell to run. */
export interface ComponentCommand {
  readonly source: string;
  readonly install: InstallPlan;
}

const EXECUTOR = /\bpython3? -m kfp(\.\w+)*\.executor_main\s+--component_module_path\b/;

/**
 * Recognises the command that the KFP SDK gives to a lightweight component: an optional install
 * script, a script that writes the source to a file and runs the executor on it, and the source.
 * Undefined for any other command, which must run as it is.
 */
export function recognizeComponent(command: readonly string[]): ComponentCommand | undefined {
  const [shell, flag, script, ...rest] = command;
  if (shell !== "sh" || script === undefined) return undefined;
  if (flag === "-ec") return readSource(script, rest, noInstall);
  if (flag !== "-c" || rest[0] !== "sh" || rest[1] !== "-ec" || rest[2] === undefined)
    return undefined;
  const install = parseInstallScript(script);
  return install && readSource(rest[2], rest.slice(3), install);
}

function readSource(
  script: string,
  rest: readonly string[],
  install: InstallPlan,
): ComponentCommand | undefined {
  const [source] = rest;
  if (source === undefined || rest.length !== 1 || !EXECUTOR.test(script)) return undefined;
  return { source, install };
}
