import { type DescField, getOption } from "@bufbuild/protobuf";
import {
  type FieldRules,
  field as fieldRules,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** The rules of a field, or of a list's items. */
function rulesOf(field: DescField): FieldRules | undefined {
  const rules = getOption(field, fieldRules);
  return rules.type.case === "repeated" ? rules.type.value.items : rules;
}

/** Whether a message without this field is likely to be refused. */
export function isNeeded(field: DescField): boolean {
  const rules = getOption(field, fieldRules);
  if (rules.required) return true;
  const { type } = rules;
  if (type.case === "string") return !obeys(field, "");
  return (
    type.case === "int32" &&
    type.value.greaterThan.case === "gte" &&
    type.value.greaterThan.value > 0
  );
}

/** Whether a text passes the field's rules for texts. */
export function obeys(field: DescField, text: string): boolean {
  const type = rulesOf(field)?.type;
  if (type?.case !== "string") return true;
  const { pattern, minLen, maxLen } = type.value;
  const length = BigInt([...text].length);
  if (pattern !== "" && !new RegExp(pattern, "u").test(text)) return false;
  return length >= minLen && (maxLen === 0n || length <= maxLen);
}
