import {
  type DescField,
  type DescMessage,
  type DescOneof,
  getOption,
  hasOption,
  type Message,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import {
  type FieldRules,
  FieldRulesSchema,
  field as fieldRules,
  message as messageRules,
  oneof as oneofRules,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { type ValueCheck, valueCheck } from "./value-checks.ts";

/** True only for a message that keeps every rule of its .proto; false means "ask the validator". */
type MessageCheck = (message: object) => boolean;

const compiled = new Map<DescMessage, MessageCheck>();
const never: ValueCheck = () => false;

/**
 * Whether a message certainly obeys its rules. Plain comparisons for the rules that the contract
 * uses, a tenth of what the validator costs; for anything else the answer is no, and the validator,
 * which alone can name what is wrong, decides.
 */
export function isSurelyValid(schema: DescMessage, message: Message): boolean {
  return checkOf(schema)(message);
}

function checkOf(schema: DescMessage): MessageCheck {
  const known = compiled.get(schema);
  if (known !== undefined) return known;
  let check: MessageCheck | undefined;
  // A message may contain itself: what it meets on the way is looked up when it is needed.
  compiled.set(schema, (message) => check?.(message) === true);
  check = compileMessage(schema);
  compiled.set(schema, check);
  return check;
}

function compileMessage(schema: DescMessage): MessageCheck {
  if (hasOption(schema, messageRules)) return never;
  const checks: MessageCheck[] = [];
  for (const field of schema.fields) {
    if (field.oneof !== undefined) continue;
    const check = compileField(field);
    if (check !== undefined) checks.push((message) => check(Reflect.get(message, field.localName)));
  }
  for (const oneof of schema.oneofs) checks.push(compileOneof(oneof));
  return (message) => checks.every((check) => check(message));
}

interface OneofValue {
  readonly case: string | undefined;
  readonly value?: unknown;
}

function compileOneof(oneof: DescOneof): MessageCheck {
  const { required } = getOption(oneof, oneofRules);
  const members = new Map(
    oneof.fields.map((field) => [field.localName, compileField(field)] as const),
  );
  return (message) => {
    const { case: name, value }: OneofValue = Reflect.get(message, oneof.localName);
    if (name === undefined) return !required;
    return members.get(name)?.(value) ?? true;
  };
}

/** Undefined when the field cannot break any rule. */
function compileField(field: DescField): ValueCheck | undefined {
  const rules = hasOption(field, fieldRules) ? getOption(field, fieldRules) : undefined;
  if (rules !== undefined && !isUnderstood(rules)) return never;
  switch (field.fieldKind) {
    case "message": {
      const check = checkOf(field.message);
      const required = rules?.required === true;
      return (value) => (isObject(value) ? check(value) : !required);
    }
    case "list":
      return field.listKind === "message"
        ? both(valueCheck(rules), everyItem(checkOf(field.message)))
        : valueCheck(rules);
    case "map":
      return field.mapKind === "message"
        ? both(valueCheck(rules), everyItem(checkOf(field.message), Object.values))
        : valueCheck(rules);
    default:
      // With explicit presence an absent value keeps every rule but `required`.
      if (rules?.required === true) return never;
      return optional(valueCheck(rules));
  }
}

const understoodFields: readonly string[] = ["required", "type"];

/** Whether a field has only rules that are read here; `value-checks` judges those of the type. */
function isUnderstood(rules: FieldRules): boolean {
  const set = reflect(FieldRulesSchema, rules);
  return set.sortedFields.every(
    (rule) =>
      !set.isSet(rule) || understoodFields.includes(rule.oneof?.localName ?? rule.localName),
  );
}

function optional(check: ValueCheck | undefined): ValueCheck | undefined {
  return check && ((value) => value === undefined || check(value));
}

function both(first: ValueCheck | undefined, second: ValueCheck): ValueCheck {
  return first === undefined ? second : (value) => first(value) && second(value);
}

function everyItem(
  check: MessageCheck,
  itemsOf: (value: object) => readonly unknown[] = (value) => (Array.isArray(value) ? value : []),
): ValueCheck {
  return (value) =>
    isObject(value) && itemsOf(value).every((item) => isObject(item) && check(item));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
