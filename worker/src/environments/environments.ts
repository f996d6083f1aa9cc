import { execFile } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { StateError } from "@tidemill/errors";
import type { Logger } from "@tidemill/telemetry";
import { buildEnvironment } from "./build-environment.ts";
import { BuiltEnvironments, type Environment } from "./built-environments.ts";
import type { Interpreter } from "./choose-interpreter.ts";
import { type EnvironmentSpec, environmentSpec } from "./environment-spec.ts";
import { withFileLock } from "./file-lock.ts";
import type { InstallPlan } from "./install-script.ts";
import {
  type InstallerSettings,
  installerSettings,
  parsePipConfig,
  pipVariables,
} from "./pip-settings.ts";
import { createUv, type InstallerCommand } from "./uv.ts";

const execute = promisify(execFile);

export interface EnvironmentsOptions {
  /** `environments/` of the worker's home. */
  readonly directory: string;
  readonly uv: string;
  readonly kfpWheel: string;
  /** A Python that holds locks and whose pip knows where packages come from. */
  readonly python: string;
  /** The environment of this process. */
  readonly env: Readonly<Record<string, string>>;
  readonly run: InstallerCommand;
  readonly log: Logger;
}

export interface EnsureHooks {
  onBuilding(): void;
  onRemark(text: string): void;
}

const LOCK_SUFFIX = ".lock";
const PIP_CONFIG_TIMEOUT_MS = 30_000;
const PASSED_ON =
  /^(PATH|HOME|USER|TMPDIR|NETRC|(HTTPS?|ALL|NO)_PROXY|SSL_CERT_(FILE|DIR)|UV_.*)$/i;

/** The environments of one worker's home, each made once and shared by every task that wants it. */
export class Environments {
  readonly #options: EnvironmentsOptions;
  readonly #built: BuiltEnvironments;
  readonly #building = new Map<string, Promise<Environment>>();
  #settings: Promise<InstallerSettings> | undefined;

  constructor(options: EnvironmentsOptions) {
    this.#options = options;
    this.#built = new BuiltEnvironments(options.directory);
    mkdirSync(options.directory, { recursive: true, mode: 0o700 });
  }

  spec(interpreter: Interpreter, plan: InstallPlan): EnvironmentSpec {
    return environmentSpec(interpreter, plan, basename(this.#options.kfpWheel));
  }

  /**
   * An environment of that content, made first where none is there; of the version that is `asked`
   * for where there is one. Throws StateError INSTALL_FAILED.
   */
  async ensure(
    spec: EnvironmentSpec,
    asked: string | undefined,
    hooks: EnsureHooks,
  ): Promise<Environment> {
    const known = this.#built.find(spec, asked);
    if (known !== undefined) return known;
    hooks.onBuilding();
    const running = this.#building.get(spec.digest);
    if (running !== undefined) {
      hooks.onRemark("waiting for another task that is making the same environment");
      return await running;
    }
    hooks.onRemark(announcement(spec));
    const building = this.#build(spec, hooks);
    this.#building.set(spec.digest, building);
    try {
      return await building;
    } finally {
      this.#building.delete(spec.digest);
    }
  }

  #build(spec: EnvironmentSpec, hooks: EnsureHooks): Promise<Environment> {
    const { directory, uv, kfpWheel, python, env, run, log } = this.#options;
    const target = join(directory, spec.digest);
    return withFileLock(python, `${target}${LOCK_SUFFIX}`, async () => {
      const other = this.#built.open(spec.digest);
      if (other !== undefined) return other;
      const startedMs = performance.now();
      this.#settings ??= this.#readSettings();
      const settings = await this.#settings;
      const installer = createUv({
        program: uv,
        cacheDirectory: join(directory, ".uv-cache"),
        env: Object.fromEntries(Object.entries(env).filter(([name]) => PASSED_ON.test(name))),
        settings: settings.env,
        run,
        onRemark: hooks.onRemark,
      });
      await buildEnvironment({ uv: installer, kfpWheel, settings }, spec, target);
      this.#built.add(spec);
      const durationMs = Math.round(performance.now() - startedMs);
      log.info("environment made", { environment: spec.digest, duration_ms: durationMs });
      const made = this.#built.open(spec.digest);
      if (made === undefined) {
        throw new StateError("INSTALL_FAILED", `uv made no interpreter in ${target}`);
      }
      return made;
    });
  }

  /**
   * Removes what builds that were killed have left: half an environment, and its lock. What another
   * worker is making stays.
   */
  async sweep(): Promise<void> {
    const { directory, python, log } = this.#options;
    const locks = readdirSync(directory).filter((name) => name.endsWith(LOCK_SUFFIX));
    for (const name of locks) {
      const digest = name.slice(0, -LOCK_SUFFIX.length);
      const removeHalf = async () => {
        if (this.#built.open(digest) !== undefined) return;
        await rm(join(directory, digest), { recursive: true, force: true });
      };
      try {
        await withFileLock(python, join(directory, name), removeHalf, { now: true });
      } catch (error) {
        log.info("an environment is being made elsewhere", { environment: digest, error });
      }
    }
  }

  async #readSettings(): Promise<InstallerSettings> {
    const { python, env } = this.#options;
    try {
      const { stdout } = await execute(python, ["-m", "pip", "config", "list"], {
        env,
        timeout: PIP_CONFIG_TIMEOUT_MS,
      });
      return installerSettings(parsePipConfig(stdout));
    } catch {
      // A Python without pip has no pip settings but those in the environment.
      return installerSettings(pipVariables(env));
    }
  }
}

/** What whoever watches the task reads meanwhile. An address may hold a password. */
function announcement({ plan }: EnvironmentSpec): string {
  const packages = plan.steps.flatMap(({ requirements }) => requirements);
  const names = packages.map((text) => text.replace(/\s*@.*$/s, "").trim()).join(", ");
  return `installing packages: ${names === "" ? "the KFP runtime alone" : names}`;
}
