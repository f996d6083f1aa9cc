import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";

const scalarNames: Partial<Record<FieldDescriptorProto_Type, string>> = {
  [FieldDescriptorProto_Type.DOUBLE]: "double",
  [FieldDescriptorProto_Type.FLOAT]: "float",
  [FieldDescriptorProto_Type.INT64]: "int64",
  [FieldDescriptorProto_Type.UINT64]: "uint64",
  [FieldDescriptorProto_Type.INT32]: "int32",
  [FieldDescriptorProto_Type.FIXED64]: "fixed64",
  [FieldDescriptorProto_Type.FIXED32]: "fixed32",
  [FieldDescriptorProto_Type.BOOL]: "bool",
  [FieldDescriptorProto_Type.STRING]: "string",
  [FieldDescriptorProto_Type.BYTES]: "bytes",
  [FieldDescriptorProto_Type.UINT32]: "uint32",
  [FieldDescriptorProto_Type.SFIXED32]: "sfixed32",
  [FieldDescriptorProto_Type.SFIXED64]: "sfixed64",
  [FieldDescriptorProto_Type.SINT32]: "sint32",
  [FieldDescriptorProto_Type.SINT64]: "sint64",
};

/**
 * The .proto text of a proto2 file that an npm package carries only as a descriptor. Structure,
 * names and numbers are kept; comments and options are not, since nothing here reads them.
 */
export function printProto(file: FileDescriptorProto): string {
  const lines = [
    "// Printed from the descriptor in @bufbuild/protovalidate by `npm run generate`. Do not edit.",
    'syntax = "proto2";',
    "",
    `package ${file.package};`,
    "",
    ...file.dependency.map((path) => `import "${path}";`),
    "",
  ];
  for (const [extendee, fields] of groupByExtendee(file.extension)) {
    lines.push(`extend ${extendee} {`, ...fields.map((field) => `  ${printField(field)}`), "}", "");
  }
  for (const message of file.messageType) lines.push(...printMessage(message), "");
  for (const type of file.enumType) lines.push(...printEnum(type), "");
  return `${lines.join("\n").trimEnd()}\n`;
}

function printMessage(message: DescriptorProto): string[] {
  const body: string[] = [];
  for (const type of message.enumType) body.push(...printEnum(type));
  for (const nested of message.nestedType) body.push(...printMessage(nested));
  for (const field of message.field) {
    if (!Object.hasOwn(field, "oneofIndex")) body.push(printField(field));
  }
  message.oneofDecl.forEach((oneof, index) => {
    const members = message.field.filter(
      (field) => Object.hasOwn(field, "oneofIndex") && field.oneofIndex === index,
    );
    body.push(`oneof ${oneof.name} {`, ...members.map((field) => `  ${printMember(field)}`), "}");
  });
  for (const range of message.extensionRange) {
    const last = (range.end ?? 0) - 1;
    body.push(`extensions ${range.start} to ${last >= 536_870_911 ? "max" : last};`);
  }
  for (const range of message.reservedRange) {
    body.push(`reserved ${range.start} to ${(range.end ?? 0) - 1};`);
  }
  for (const name of message.reservedName) body.push(`reserved "${name}";`);
  return [`message ${message.name} {`, ...body.map((line) => `  ${line}`), "}"];
}

function printEnum(type: EnumDescriptorProto): string[] {
  return [
    `enum ${type.name} {`,
    ...type.value.map((value) => `  ${value.name} = ${value.number};`),
    "}",
  ];
}

function printField(field: FieldDescriptorProto): string {
  const repeated = field.label === FieldDescriptorProto_Label.REPEATED;
  return `${repeated ? "repeated" : "optional"} ${printMember(field)}`;
}

function printMember(field: FieldDescriptorProto): string {
  const type = field.type === undefined ? undefined : scalarNames[field.type];
  return `${type ?? field.typeName} ${field.name} = ${field.number};`;
}

function groupByExtendee(
  extensions: readonly FieldDescriptorProto[],
): Map<string, FieldDescriptorProto[]> {
  const groups = new Map<string, FieldDescriptorProto[]>();
  for (const extension of extensions) {
    const key = extension.extendee ?? "";
    groups.set(key, [...(groups.get(key) ?? []), extension]);
  }
  return groups;
}
