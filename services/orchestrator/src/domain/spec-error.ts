import { type FieldViolation, InvalidError, UnsupportedError } from "@tidemill/errors";
import { excerpt } from "./excerpt.ts";

/** Characters of one problem: it may quote names and values. */
const PROBLEM_LENGTH_MAX = 1_024;

/** Where in a document something stands: keys and positions from its top. */
export type PathSegments = readonly (string | number)[];

export interface SpecProblem {
  readonly reason: string;
  readonly path: PathSegments;
  readonly problem: string;
}

/** What is wrong in a specification, and the place of the first problem; a loader adds the line. */
export class SpecError extends InvalidError {
  readonly path: PathSegments;

  constructor(
    reason: string,
    path: PathSegments,
    problem: string,
    more: readonly SpecProblem[] = [],
  ) {
    const others = more.length === 0 ? "" : ` (and ${more.length} more problems)`;
    const first = violationOf({ path, problem });
    super(reason, describeViolation(first) + others, [first, ...more.map(violationOf)]);
    this.path = path;
  }
}

function violationOf({ path, problem }: Omit<SpecProblem, "reason">): FieldViolation {
  return { field: pathText(path), description: excerpt(problem, PROBLEM_LENGTH_MAX) };
}

function describeViolation({ field, description }: FieldViolation): string {
  return field === "" ? description : `${field}: ${description}`;
}

/** A feature of KFP that a specification uses and that does not work here. */
export class UnsupportedSpecError extends UnsupportedError {
  readonly path: PathSegments;

  constructor(uses: readonly [UnsupportedUse, ...UnsupportedUse[]]) {
    const [first, ...more] = uses;
    const others = more.length === 0 ? "" : ` (and ${more.length} more: ${listOf(more)})`;
    super(first.feature, `${describeUse(first)}${others}`);
    this.path = first.path;
  }
}

export interface UnsupportedUse {
  readonly path: PathSegments;
  /** What it is, by the name that users know: `loops (dsl.ParallelFor)`. */
  readonly feature: string;
  /** The tasks that it concerns, when the path does not name them. */
  readonly tasks?: string;
}

function describeUse(use: UnsupportedUse): string {
  return `${pathText(use.path)}${tasksOf(use)} uses ${use.feature}, which is not supported`;
}

function tasksOf({ tasks }: UnsupportedUse): string {
  return tasks === undefined ? "" : ` (${tasks})`;
}

const LISTED_MAX = 5;

function listOf(uses: readonly UnsupportedUse[]): string {
  const texts = uses
    .slice(0, LISTED_MAX)
    .map((use) => `${pathText(use.path)}${tasksOf(use)}: ${use.feature}`);
  return texts.join("; ") + (uses.length > LISTED_MAX ? "; ..." : "");
}

/** `root.dag.tasks.train.inputs`; a key that is no plain word stands in brackets. */
export function pathText(path: PathSegments): string {
  let text = "";
  for (const segment of path) {
    if (typeof segment === "number") text += `[${segment}]`;
    else if (/^[\w-]{1,128}$/.test(segment)) text += text === "" ? segment : `.${segment}`;
    else text += `[${JSON.stringify(segment.slice(0, 128))}]`;
  }
  return text;
}

/** Collects what is wrong, up to a limit. */
export type Report = (reason: string, path: PathSegments, problem: string) => void;
