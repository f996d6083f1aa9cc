import {
  type FieldViolation,
  InvalidError,
  messageOf,
  TidemillError,
  UnavailableError,
} from "@tidemill/errors";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
import { plainText } from "./output/plain-text.ts";
import { USAGE_REASON } from "./usage-error.ts";

export interface Failure {
  readonly exitCode: ExitCode;
  /** One message: what was wrong, then what to do. */
  readonly lines: readonly string[];
  /** What `--json` prints. */
  readonly json: unknown;
}

const VIOLATIONS_SHOWN_MAX = 20;

/** What a person or a script is told about an error. Never a stack. */
export function failureOf(error: unknown): Failure {
  const known = error instanceof TidemillError ? error : undefined;
  const exitCode = exitCodeOf(error);
  const violations = error instanceof InvalidError ? error.violations : [];
  const lines = [`tidemill: ${plainText(messageOf(error))}`];
  for (const violation of violations.slice(0, VIOLATIONS_SHOWN_MAX)) {
    if (!messageOf(error).includes(violation.description)) {
      lines.push(`  ${describe(violation)}`);
    }
  }
  if (violations.length > VIOLATIONS_SHOWN_MAX) {
    lines.push(`  and ${violations.length - VIOLATIONS_SHOWN_MAX} more`);
  }
  const next = nextAction(error);
  if (next !== undefined) lines.push(`  ${next}`);
  return {
    exitCode,
    lines,
    json: {
      error: {
        reason: known?.reason ?? "UNKNOWN",
        message: messageOf(error),
        metadata: known?.metadata ?? {},
        violations,
      },
    },
  };
}

/** What is wrong with a parameter names it; of a field of the request nobody here knows. */
function describe({ field, description }: FieldViolation): string {
  const text = plainText(description);
  return field.startsWith("parameters_json") ? text : `${plainText(field)}: ${text}`;
}

function exitCodeOf(error: unknown): ExitCode {
  if (error instanceof UnavailableError) return exitCodes.unavailable;
  if (error instanceof TidemillError && error.reason === USAGE_REASON) return exitCodes.usage;
  return exitCodes.failed;
}

function nextAction(error: unknown): string | undefined {
  if (error instanceof UnavailableError && error.metadata.dependency !== "start") {
    return "is the mesh up? `npx tidemill status` tells, `npx tidemill up` starts one";
  }
  if (error instanceof TidemillError && error.metadata.known) {
    return `there is: ${error.metadata.known}`;
  }
  if (error instanceof InvalidError && error.metadata.missing) {
    const given = error.metadata.missing.split(", ").map((name) => `-p ${name}=…`);
    return `give ${given.length === 1 ? "it" : "them"} with ${plainText(given.join(" "))}`;
  }
  return undefined;
}
