import { type FieldViolation, InvalidError } from "@tidemill/errors";
import { coerceJson, typeName } from "./coerce-parameter.ts";
import { excerpt } from "./excerpt.ts";
import type { InputParameter } from "./ir.ts";
import { isDeep, isJson, jsonKind, sameJson } from "./json-text.ts";
import { PARAMETER_DEPTH_MAX, PROBLEMS_MAX } from "./limits.ts";
import type { ParameterValue } from "./parameter-value.ts";
import type { Plan } from "./plan.ts";

/** Names listed in a message about a parameter that does not exist. */
const LISTED_MAX = 20;

/**
 * The parameters of a new run: what was given, as JSON texts by name, defaults for the rest, null
 * for what is optional and has none. Throws InvalidError INVALID_PARAMETERS that names every
 * parameter that is unknown, missing or of another type.
 */
export function resolveRunParameters(
  plan: Plan,
  given: Readonly<Record<string, string>>,
): Record<string, ParameterValue> {
  const declared = plan.root.component.inputs.parameters;
  const violations: FieldViolation[] = [];
  for (const name of Object.keys(given)) {
    if (!declared.has(name)) violations.push(violation(name, unknown(name, [...declared.keys()])));
  }
  const parameters: Record<string, ParameterValue> = {};
  const missing: string[] = [];
  for (const [name, input] of declared) {
    const json = Object.hasOwn(given, name) ? given[name] : undefined;
    const result = resolveOne(input, json);
    if ("json" in result) {
      parameters[name] = { kind: "json", json: result.json };
      continue;
    }
    violations.push(violation(name, `parameter "${excerpt(name)}" ${result.problem}`));
    if (json === undefined) missing.push(name);
  }
  const [first] = violations;
  if (first === undefined) return parameters;
  const others = violations.length - 1;
  const more = others === 0 ? "" : ` (and ${others} more ${others === 1 ? "problem" : "problems"})`;
  throw new InvalidError(
    "INVALID_PARAMETERS",
    `${first.description}${more}`,
    violations.slice(0, PROBLEMS_MAX),
    missing.length === 0
      ? {}
      : {
          metadata: {
            missing: missing
              .slice(0, LISTED_MAX)
              .map((name) => excerpt(name))
              .join(", "),
          },
        },
  );
}

function resolveOne(
  input: InputParameter,
  given: string | undefined,
): { readonly json: string } | { readonly problem: string } {
  if (given !== undefined && !isJson(given)) {
    return {
      problem: `must be JSON text, got ${excerpt(given)}; a string needs its quotes, as in "\\"a\\""`,
    };
  }
  if (given !== undefined && isDeep(given, PARAMETER_DEPTH_MAX)) {
    return { problem: `is nested deeper than ${PARAMETER_DEPTH_MAX} levels` };
  }
  if (given === undefined || (jsonKind(given) === "null" && input.optional)) {
    if (given === undefined && input.defaultJson !== undefined) return { json: input.defaultJson };
    if (input.optional) return { json: "null" };
    return { problem: `is missing: it must be ${typeName(input.type)}` };
  }
  const json = jsonKind(given) === "null" ? undefined : coerceJson(given.trim(), input.type);
  if (json === undefined) {
    return { problem: `must be ${typeName(input.type)}, got ${excerpt(given)}` };
  }
  if (input.literals.length > 0 && !input.literals.some((literal) => sameJson(literal, json))) {
    return { problem: `must be one of ${input.literals.join(", ")}, got ${excerpt(given)}` };
  }
  return { json };
}

function unknown(name: string, known: readonly string[]): string {
  const listed = known.slice(0, LISTED_MAX).join(", ") + (known.length > LISTED_MAX ? ", ..." : "");
  const has = known.length === 0 ? "it has none" : `it has ${listed}`;
  return `the pipeline has no parameter "${excerpt(name)}"; ${has}`;
}

function violation(name: string, description: string): FieldViolation {
  return { field: `parameters_json[${JSON.stringify(excerpt(name))}]`, description };
}
