import { createHash } from "node:crypto";
import type { Interpreter } from "./choose-interpreter.ts";
import { type InstallPlan, installsKfp } from "./install-script.ts";

/** Raised when what an environment is made of changes, so that older ones are built anew. */
const LAYOUT = 1;
const DIGEST_LENGTH = 32;

/** What an environment consists of; two with the same digest are the same environment. */
export interface EnvironmentSpec {
  readonly digest: string;
  /** Digest of what it has beside its Python; any Python of the wanted version may do. */
  readonly content: string;
  readonly interpreter: Interpreter;
  readonly plan: InstallPlan;
  /** Whether the pinned kfp runtime goes in, after everything else. */
  readonly bundledKfp: boolean;
}

/** Content-addressed by Python, requirements, index options and the kfp wheel. */
export function environmentSpec(
  interpreter: Interpreter,
  plan: InstallPlan,
  kfpWheelName: string,
): EnvironmentSpec {
  const bundledKfp = !installsKfp(plan);
  const steps = plan.steps.map((step) => ({
    requirements: step.requirements.map((text) => text.trim()).toSorted(),
    noDeps: step.noDeps,
  }));
  const index = [plan.index.indexUrl ?? "", plan.index.extraIndexUrls, plan.index.trustedHosts];
  const rest = { steps, index, kfp: bundledKfp ? kfpWheelName : "" };
  return {
    digest: digestOf({ layout: LAYOUT, python: interpreter, ...rest }),
    content: digestOf({ layout: LAYOUT, ...rest }),
    interpreter,
    plan,
    bundledKfp,
  };
}

function digestOf(value: object): string {
  const digest = createHash("sha256").update(JSON.stringify(value)).digest("hex");
  return digest.slice(0, DIGEST_LENGTH);
}
