import { InvalidError, messageOf, TidemillError, UnavailableError } from "@tidemill/errors";
import { type ExitCode, exitCodes } from "./exit-codes.ts";
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
  const lines = [`tidemill: ${messageOf(error)}`];
  for (const violation of violations.slice(0, VIOLATIONS_SHOWN_MAX)) {
    if (!messageOf(error).includes(violation.description)) {
      lines.push(`  ${violation.field}: ${violation.description}`);
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
  return undefined;
}
