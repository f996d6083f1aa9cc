import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { StateError } from "@tidemill/errors";
import { type ImageMeaning, meaningOf } from "@tidemill/images";
import type { Logger } from "@tidemill/telemetry";
import type { Environment } from "../../environments/built-environments.ts";
import {
  chooseInterpreter,
  type Interpreter,
  isOfVersion,
} from "../../environments/choose-interpreter.ts";
import type { Environments } from "../../environments/environments.ts";
import { noInstall } from "../../environments/install-script.ts";
import type { PreparedTask, PrepareRequest, Runner, RunRequest, TaskEnd } from "../runner.ts";
import { requireStartable } from "./argument-limits.ts";
import { type ComponentCommand, recognizeComponent } from "./component-command.ts";
import { loadModules } from "./imports-file.ts";
import type { Launcher } from "./launcher.ts";
import { needsOwnInterpreter, packagesDirectory, taskEnvironment } from "./task-environment.ts";
import { bootstrapCode, type Zygote } from "./zygote.ts";
import { ZygoteKeeper } from "./zygote-keeper.ts";

export interface ProcessRunnerOptions {
  readonly launcher: Launcher;
  readonly environments: Environments;
  /** Best first: the first serves whoever does not care. */
  readonly interpreters: readonly Interpreter[];
  /** Task processes kept forked ahead in each zygote. */
  readonly ahead: number;
  readonly hostPath: string;
  readonly zygoteEnv: Readonly<Record<string, string>>;
  readonly log: Logger;
  readonly zygoteIdleMs?: number;
}

const REQUEST_FILE = ".tidemill-request.json";
const MODULES_FILE = ".tidemill-modules.json";
const RUN_FILE = bootstrapCode(
  "from tidemill_worker import component; component.run_file(sys.argv[1])",
);

/** Runs tasks as processes of this machine. */
export class ProcessRunner implements Runner {
  readonly #options: ProcessRunnerOptions;
  readonly #keepers = new Map<string, ZygoteKeeper>();

  constructor(options: ProcessRunnerOptions) {
    this.#options = options;
  }

  async prepare(request: PrepareRequest): Promise<PreparedTask> {
    const meaning = meaningOf(request.image);
    const component = recognizeComponent(request.command);
    if (component !== undefined) {
      warnWhenNotRun(meaning, request);
      const environment = await this.#environment(meaning, component, request);
      const keeper = this.#keeper(environment);
      keeper.warm();
      return this.#componentTask(request, component, environment, keeper);
    }
    const argv = [...request.command, ...request.args];
    const [program] = argv;
    if (program === undefined) throw noCommand(request.image);
    const wantsPython = meaning.kind === "unknown" && /\b(python|pip)3?\b/.test(argv.join(" "));
    if (meaning.kind === "python" || wantsPython) {
      warnWhenNotRun(meaning, request);
      const environment = await this.#environment(meaning, undefined, request);
      return this.#commandTask(request, argv, environment);
    }
    if (meaning.kind === "unknown" && !this.#isOnHost(program)) {
      throw imageUnavailable(request.image, program);
    }
    warnWhenNotRun(meaning, request);
    return this.#commandTask(request, argv, undefined);
  }

  async stop(): Promise<void> {
    const keepers = [...this.#keepers.values()].map((keeper) => keeper.stop());
    await Promise.all([...keepers, this.#options.launcher.stop()]);
  }

  async #environment(
    meaning: ImageMeaning,
    component: ComponentCommand | undefined,
    request: PrepareRequest,
  ): Promise<Environment> {
    const { environments, interpreters } = this.#options;
    const asked = meaning.kind === "python" ? meaning.version : undefined;
    const interpreter = chooseInterpreter(
      interpreters,
      asked ?? interpreters[0]?.version ?? "3.11",
    );
    if (interpreter === undefined) {
      throw new StateError(
        "PYTHON_MISSING",
        "no Python 3.9 or later is on this machine: install one and start the worker again",
      );
    }
    const spec = environments.spec(interpreter, component?.install ?? noInstall);
    const ensured = environments.ensure(spec, asked, request.hooks);
    const environment = await untilAborted(ensured, request.signal);
    if (asked !== undefined && !isOfVersion(environment.version, asked)) {
      request.hooks.onWarning({
        code: "PYTHON_VERSION_SUBSTITUTED",
        message:
          `image "${request.image}" asks for Python ${asked}, which is not on this machine: ` +
          `${environment.version} ran it; install Python ${asked} to have it honoured`,
      });
    }
    return environment;
  }

  #keeper(environment: Environment): ZygoteKeeper {
    const known = this.#keepers.get(environment.digest);
    if (known !== undefined) return known;
    const { ahead, zygoteEnv, log, zygoteIdleMs } = this.#options;
    const keeper = new ZygoteKeeper({
      python: environment.python,
      directory: environment.directory,
      component: true,
      ahead,
      env: zygoteEnv,
      log,
      ...(zygoteIdleMs === undefined ? {} : { idleMs: zygoteIdleMs }),
    });
    this.#keepers.set(environment.digest, keeper);
    return keeper;
  }

  #componentTask(
    prepared: PrepareRequest,
    component: ComponentCommand,
    environment: Environment,
    keeper: ZygoteKeeper,
  ): PreparedTask {
    const { launcher, hostPath } = this.#options;
    const { attemptId, args } = prepared;
    let place: Pick<Zygote, "stop"> | undefined;
    const run = async (request: RunRequest): Promise<TaskEnd> => {
      const { directory, env: declared } = request;
      const { binDirectory } = environment;
      const env = taskEnvironment({ directory, declared, hostPath, binDirectory });
      mkdirSync(packagesDirectory(directory));
      const modulesFile = join(directory, MODULES_FILE);
      const payload = {
        mode: "component",
        cwd: directory,
        source: component.source,
        args,
        modulesFile,
        mounts: request.mounts,
        // As the SDK's own script sets it.
        env: { ...env, _KFP_RUNTIME: "true" },
      };
      if (needsOwnInterpreter(declared, keeper.importsAhead)) {
        const path = join(directory, REQUEST_FILE);
        writeFileSync(path, JSON.stringify(payload));
        place = { stop: (id, graceMs) => launcher.stopTask(id, graceMs) };
        const argv = [environment.python, "-s", "-c", RUN_FILE, path];
        return await launcher.run(attemptId, { ...request, argv, env: payload.env });
      }
      const zygoteRequest = { ...request, id: attemptId, payload };
      const end = await keeper.run(zygoteRequest, (zygote) => {
        place = zygote;
      });
      if (end.kind === "exited") keeper.learn(loadModules(modulesFile));
      return end;
    };
    return { run, stop: (graceMs) => place?.stop(attemptId, graceMs) };
  }

  #commandTask(
    prepared: PrepareRequest,
    argv: readonly string[],
    environment: Environment | undefined,
  ): PreparedTask {
    const { launcher, hostPath } = this.#options;
    const { attemptId } = prepared;
    launcher.warm();
    const run = (request: RunRequest): Promise<TaskEnd> => {
      const { directory, env: declared } = request;
      const binDirectory = environment?.binDirectory;
      const env = taskEnvironment({ directory, declared, hostPath, binDirectory });
      if (environment !== undefined) mkdirSync(packagesDirectory(directory));
      requireStartable(argv, env);
      return launcher.run(attemptId, { ...request, argv, env });
    };
    return { run, stop: (graceMs) => launcher.stopTask(attemptId, graceMs) };
  }

  #isOnHost(program: string): boolean {
    if (program.includes("/")) return existsSync(program);
    const directories = this.#options.hostPath.split(delimiter);
    return directories.some((directory) => existsSync(join(directory, program)));
  }
}

function warnWhenNotRun(meaning: ImageMeaning, request: PrepareRequest): void {
  if (meaning.kind !== "unknown") return;
  request.hooks.onWarning({
    code: "IMAGE_NOT_RUN",
    message: `image "${request.image}" was not run: its command ran on this machine instead`,
  });
}

function noCommand(image: string): StateError {
  return new StateError(
    "IMAGE_UNAVAILABLE",
    `image "${image}" would run its own entrypoint, which is not known without running the image: ` +
      "give the component a command",
  );
}

function imageUnavailable(image: string, program: string): StateError {
  return new StateError(
    "IMAGE_UNAVAILABLE",
    `image "${image}" cannot be run here, and its command "${program}" is not on this machine: ` +
      `install "${program}" on PATH, or use a lightweight Python component or one of the images ` +
      "python:3.x, alpine, busybox, debian, ubi9/python-*",
  );
}

/** Stops waiting when the attempt is stopped; what others wait for goes on. */
function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
