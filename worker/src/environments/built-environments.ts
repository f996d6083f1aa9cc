import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pythonIn } from "./build-environment.ts";
import { isOfVersion } from "./choose-interpreter.ts";
import type { EnvironmentSpec } from "./environment-spec.ts";

/** A Python environment that can be used. */
export interface Environment {
  readonly digest: string;
  readonly directory: string;
  readonly python: string;
  /** `3.11.7` */
  readonly version: string;
  readonly binDirectory: string;
}

interface Description {
  readonly python: string;
  readonly content?: string;
}

const READY_FILE = "ready.json";

/** The environments of a directory that have been made to the end. */
export class BuiltEnvironments {
  readonly #directory: string;
  readonly #found = new Map<string, Environment>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * What serves a spec without building: its own environment or, since which interpreters are seen
   * depends on the shell that a worker was started in, one with the same content that was made with
   * another. One of the version that was asked for goes first; without such a wish any will do.
   */
  find(spec: EnvironmentSpec, asked: string | undefined): Environment | undefined {
    const key = `${spec.digest} ${asked}`;
    const known = this.#found.get(key);
    if (known !== undefined) return known;
    const rank = (environment: Environment): number | undefined => {
      if (asked !== undefined && isOfVersion(environment.version, asked)) return 0;
      if (environment.digest === spec.digest) return 1;
      if (isOfVersion(environment.version, spec.interpreter.version)) return 2;
      return asked === undefined ? 3 : undefined;
    };
    const ranked = this.#withContent(spec).flatMap((environment) => {
      const place = rank(environment);
      return place === undefined ? [] : [{ environment, place }];
    });
    const [best] = ranked.toSorted((a, b) => a.place - b.place);
    if (best !== undefined) this.#found.set(key, best.environment);
    return best?.environment;
  }

  /** The environment under that digest, if it is ready. */
  open(digest: string): Environment | undefined {
    const description = this.#describe(digest);
    if (description === undefined) return undefined;
    const directory = join(this.#directory, digest);
    const environment: Environment = {
      digest,
      directory,
      python: pythonIn(directory),
      version: description.python,
      binDirectory: join(directory, "bin"),
    };
    // Somebody may have removed the interpreter that it stands on.
    return existsSync(environment.python) ? environment : undefined;
  }

  /** From now on it is found. */
  add({ digest, content, interpreter, plan }: EnvironmentSpec): void {
    const description = { python: interpreter.version, content, steps: plan.steps };
    writeFileSync(join(this.#directory, digest, READY_FILE), JSON.stringify(description));
  }

  /** The spec's own environment goes first. */
  #withContent({ digest, content }: EnvironmentSpec): readonly Environment[] {
    const others = readdirSync(this.#directory).filter(
      (name) => name !== digest && this.#describe(name)?.content === content,
    );
    return [digest, ...others].flatMap((name) => this.open(name) ?? []);
  }

  #describe(digest: string): Description | undefined {
    try {
      const description: Description = JSON.parse(
        readFileSync(join(this.#directory, digest, READY_FILE), "utf8"),
      );
      return description;
    } catch {
      // It is being made, or no environment at all.
      return undefined;
    }
  }
}
