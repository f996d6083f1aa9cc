import type { DescMessage, Message } from "@bufbuild/protobuf";
import { pathToString } from "@bufbuild/protobuf/reflect";
import { createValidator, type Violation } from "@bufbuild/protovalidate";
import { InvalidError } from "@tidemill/errors";
import { isSurelyValid } from "./surely-valid.ts";

const expressions = new Map<string, RegExp>();

/** Native expressions: the patterns are ours and linear, and the values may be megabytes. */
function matches(pattern: string, value: string): boolean {
  let expression = expressions.get(pattern);
  if (expression === undefined) {
    expression = new RegExp(pattern, "u");
    expressions.set(pattern, expression);
  }
  return expression.test(value);
}

const validator = createValidator({ regexMatch: matches });
/** Violations named in one error; the caller mends those first. */
const VIOLATIONS_MAX = 20;

/** What is wrong with a oneof is no help without the fields that it consists of. */
function describe({ field, message }: Violation): string {
  const last = field.at(-1);
  if (last?.kind !== "oneof") return message;
  return `${message}: ${last.fields.map(({ name }) => name).join(", ")}`;
}

/**
 * Holds a message against the rules in its .proto. Throws InvalidError INVALID_REQUEST naming each
 * field, or the validator's own error when a rule itself is broken.
 */
export function requireValid(schema: DescMessage, message: Message): void {
  if (isSurelyValid(schema, message)) return;
  const result = validator.validate(schema, message);
  if (result.kind === "valid") return;
  if (result.kind === "error") throw result.error;
  const violations = result.violations.slice(0, VIOLATIONS_MAX).map((violation) => ({
    field: pathToString(violation.field),
    description: describe(violation),
  }));
  const summary = violations.map(({ field, description }) => `${field}: ${description}`).join("; ");
  throw new InvalidError("INVALID_REQUEST", summary, violations);
}
