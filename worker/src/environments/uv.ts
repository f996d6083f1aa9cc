import { StateError } from "@tidemill/errors";
import { deadProxies } from "./dead-proxies.ts";

export interface InstallerResult {
  readonly code: number;
  readonly output: string;
}

/** Runs a program to its end; both of its streams come back as one text. */
export type InstallerCommand = (
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
) => Promise<InstallerResult>;

export interface UvOptions {
  /** Path of the program. */
  readonly program: string;
  readonly cacheDirectory: string;
  /** What uv may see of this process's environment: PATH, HOME, proxies, `UV_*`. */
  readonly env: Readonly<Record<string, string>>;
  /** What pip's own settings say. */
  readonly settings: Readonly<Record<string, string>>;
  readonly run: InstallerCommand;
  onRemark(text: string): void;
}

/**
 * Runs uv with arguments, and with variables for what is no business of other users of the machine.
 * Throws StateError INSTALL_FAILED with what uv said.
 */
export type Uv = (
  args: readonly string[],
  variables?: Readonly<Record<string, string>>,
) => Promise<void>;

const INSTALLER_MESSAGE_CHARS_MAX = 4_000;

/**
 * uv as the machine is configured. A proxy variable that leads nowhere is no reason to fail where
 * uv gets through without it: then it is tried once more, and what follows does without it at once.
 * A proxy in pip's own settings always counts.
 */
export function createUv(options: UvOptions): Uv {
  let env = options.env;

  function runWith(
    visible: Readonly<Record<string, string>>,
    args: readonly string[],
    variables: Readonly<Record<string, string>>,
  ): Promise<InstallerResult> {
    return options.run([options.program, ...args], {
      ...visible,
      ...options.settings,
      ...variables,
      UV_PYTHON_DOWNLOADS: "never",
      UV_CACHE_DIR: options.cacheDirectory,
      UV_NO_PROGRESS: "1",
      NO_COLOR: "1",
    });
  }

  /** Whether it worked without the proxies that do not answer. */
  async function triedDirectly(
    args: readonly string[],
    variables: Readonly<Record<string, string>>,
  ): Promise<boolean> {
    const dead = await deadProxies(env);
    if (dead.length === 0) return false;
    options.onRemark(`nothing answers at the proxy of ${dead.join(", ")}: trying without it`);
    const direct = Object.fromEntries(Object.entries(env).filter(([name]) => !dead.includes(name)));
    const { code, output } = await runWith(direct, args, variables);
    if (output.trim() !== "") options.onRemark(output.trim());
    if (code === 0) env = direct;
    return code === 0;
  }

  return async (args, variables = {}) => {
    const { code, output } = await runWith(env, args, variables);
    if (output.trim() !== "") options.onRemark(output.trim());
    if (code === 0 || (await triedDirectly(args, variables))) return;
    const message = output.trim().slice(-INSTALLER_MESSAGE_CHARS_MAX);
    throw new StateError(
      "INSTALL_FAILED",
      `packages could not be installed: ${message || `uv ended with exit code ${code}`}`,
    );
  };
}
