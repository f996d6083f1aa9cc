import type { DescMessage, Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import {
  type BytesRules,
  BytesRulesSchema,
  type FieldRules,
  type Int32Rules,
  Int32RulesSchema,
  type Int64Rules,
  Int64RulesSchema,
  type MapRules,
  MapRulesSchema,
  type RepeatedRules,
  RepeatedRulesSchema,
  type StringRules,
  StringRulesSchema,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** True only for a value that keeps every rule. */
export type ValueCheck = (value: unknown) => boolean;

const never: ValueCheck = () => false;
const uuidPattern = /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;

/** The check for the rules of a field's type; undefined when there are none. */
export function valueCheck(rules: FieldRules | undefined): ValueCheck | undefined {
  const type = rules?.type;
  switch (type?.case) {
    case undefined:
      return undefined;
    case "string":
      return stringCheck(type.value);
    case "bytes":
      return bytesCheck(type.value);
    case "int32":
      return numberCheck(Int32RulesSchema, type.value);
    case "int64":
      return numberCheck(Int64RulesSchema, type.value);
    case "repeated":
      return repeatedCheck(type.value);
    case "map":
      return mapCheck(type.value);
    default:
      return never;
  }
}

/** Whether only these rules are set; a rule that is not known here may forbid anything. */
function hasOnly(schema: DescMessage, rules: Message, known: readonly string[]): boolean {
  const set = reflect(schema, rules);
  return set.sortedFields.every((rule) => !set.isSet(rule) || known.includes(rule.name));
}

function stringCheck(rules: StringRules): ValueCheck {
  const known = ["min_len", "max_len", "max_bytes", "pattern", "uuid"];
  if (!hasOnly(StringRulesSchema, rules, known)) return never;
  const set = reflect(StringRulesSchema, rules);
  const isSet = (name: string) =>
    set.sortedFields.some((rule) => rule.name === name && set.isSet(rule));
  const minLen = Number(rules.minLen);
  const maxLen = isSet("max_len") ? Number(rules.maxLen) : Number.POSITIVE_INFINITY;
  const maxBytes = isSet("max_bytes") ? Number(rules.maxBytes) : Number.POSITIVE_INFINITY;
  const pattern = isSet("pattern") ? new RegExp(rules.pattern, "u") : undefined;
  const uuid = rules.wellKnown.case === "uuid" && rules.wellKnown.value;
  return (value) => {
    if (typeof value !== "string") return false;
    // Rules count characters: there are at most `length` of them, and at least half as many.
    if (value.length > maxLen || (minLen > 1 ? value.length < 2 * minLen : value.length < minLen)) {
      return false;
    }
    if (value.length * BYTES_PER_UNIT_MAX > maxBytes) return false;
    return (pattern === undefined || pattern.test(value)) && (!uuid || uuidPattern.test(value));
  };
}

const BYTES_PER_UNIT_MAX = 3;

function bytesCheck(rules: BytesRules): ValueCheck {
  if (!hasOnly(BytesRulesSchema, rules, ["max_len"])) return never;
  const maxLen = Number(rules.maxLen);
  return (value) => value instanceof Uint8Array && value.length <= maxLen;
}

function numberCheck<R extends Int32Rules | Int64Rules>(schema: DescMessage, rules: R): ValueCheck {
  if (!hasOnly(schema, rules, ["gt", "gte", "lt", "lte"])) return never;
  const low = rules.greaterThan;
  const high = rules.lessThan;
  return (value) => {
    if (typeof value !== "number" && typeof value !== "bigint") return false;
    if (low.case === "gte" && value < low.value) return false;
    if (low.case === "gt" && value <= low.value) return false;
    if (high.case === "lte" && value > high.value) return false;
    return !(high.case === "lt" && value >= high.value);
  };
}

function repeatedCheck(rules: RepeatedRules): ValueCheck {
  if (!hasOnly(RepeatedRulesSchema, rules, ["min_items", "max_items", "items"])) return never;
  const { min, max } = limits(rules.minItems, rules.maxItems);
  const item = rules.items === undefined ? undefined : (valueCheck(rules.items) ?? never);
  return (value) =>
    Array.isArray(value) &&
    value.length >= min &&
    value.length <= max &&
    (item === undefined || value.every(item));
}

function mapCheck(rules: MapRules): ValueCheck {
  if (!hasOnly(MapRulesSchema, rules, ["min_pairs", "max_pairs"])) return never;
  const { min, max } = limits(rules.minPairs, rules.maxPairs);
  return (value) => {
    if (typeof value !== "object" || value === null) return false;
    const pairs = Object.keys(value).length;
    return pairs >= min && pairs <= max;
  };
}

/** A maximum of 0 is one that was not set, or one that the validator may judge. */
function limits(min: bigint, max: bigint): { readonly min: number; readonly max: number } {
  return { min: Number(min), max: max === 0n ? Number.POSITIVE_INFINITY : Number(max) };
}
