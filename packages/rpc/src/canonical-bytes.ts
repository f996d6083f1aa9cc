import {
  clone,
  type DescField,
  type DescMessage,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";

/**
 * The binary form that equal messages share: fields by number, as protobuf-es writes them, and the
 * entries of every map by key, which it writes in the order they were set.
 */
export function canonicalBytes<S extends DescMessage>(
  schema: S,
  message: MessageShape<S>,
  without: readonly string[] = [],
): Uint8Array {
  const copy = reflect(schema, clone(schema, message));
  for (const name of without) {
    const field = schema.fields.find((candidate) => candidate.name === name);
    if (field !== undefined) copy.clear(field);
  }
  sortMaps(copy);
  return toBinary<DescMessage>(schema, copy.message);
}

function sortMaps(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (message.isSet(field)) sortField(message, field);
  }
}

function sortField(message: ReflectMessage, field: DescField): void {
  if (field.fieldKind === "message") sortMaps(message.get(field));
  if (field.fieldKind === "list" && field.listKind === "message") {
    for (const item of message.get(field)) if (isReflected(item)) sortMaps(item);
  }
  if (field.fieldKind !== "map") return;
  const map = message.get(field);
  const entries = [...map.entries()].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
  map.clear();
  for (const [key, value] of entries) {
    map.set(key, value);
    if (isReflected(value)) sortMaps(value);
  }
}

function isReflected(value: unknown): value is ReflectMessage {
  return typeof value === "object" && value !== null && "desc" in value && "fields" in value;
}
