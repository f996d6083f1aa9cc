import type { DescField, DescMessage } from "@bufbuild/protobuf";

/** Field numbers of descriptor.proto that paths of source locations are made of. */
const FILE_MESSAGES = 4;
const MESSAGE_NESTED = 3;
const MESSAGE_FIELDS = 2;

/** The comment before a message or field as one line; `""` when it has none. */
export function commentOf(desc: DescMessage | DescField): string {
  const path = pathOf(desc).join(".");
  const locations = fileOf(desc).proto.sourceCodeInfo?.location ?? [];
  const found = locations.find((location) => location.path.join(".") === path);
  const text = found?.leadingComments || found?.trailingComments || "";
  return text.trim().replace(/\s+/g, " ");
}

function pathOf(desc: DescMessage | DescField): readonly number[] {
  if (desc.kind === "field") {
    return [...pathOf(desc.parent), MESSAGE_FIELDS, desc.parent.proto.field.indexOf(desc.proto)];
  }
  const { parent, proto, file } = desc;
  return parent === undefined
    ? [FILE_MESSAGES, file.proto.messageType.indexOf(proto)]
    : [...pathOf(parent), MESSAGE_NESTED, parent.proto.nestedType.indexOf(proto)];
}

function fileOf(desc: DescMessage | DescField) {
  return desc.kind === "field" ? desc.parent.file : desc.file;
}
