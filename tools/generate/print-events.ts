import {
  createFileRegistry,
  type DescField,
  type DescFile,
  type DescMessage,
  fromBinary,
  getOption,
  hasOption,
} from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { event } from "@tidemill/proto/tidemill/common/v1/event_pb.ts";
import { commentOf } from "./proto-comments.ts";

const head = `# Events

What the services publish. Written from the comments and options in \`proto/\` by
\`npm run generate\`; do not edit.

Every event is a CloudEvent 1.0 in binary mode on NATS JetStream: the data is the message named
below in protobuf binary, the attributes are \`ce-*\` headers, percent-encoded as the NATS binding
says. Streams are \`TIDEMILL_<SERVICE>\`. Delivery is at least once: drop repeats by \`ce-id\`, order
the events of an entity by \`ce-sequence\`. \`ListEvents\` of each service gives the same events in
the order of their \`position\`, without gaps.

| header | value |
| --- | --- |
| \`ce-id\` | UUIDv7, the same on every delivery; also \`Nats-Msg-Id\` |
| \`ce-source\` | \`/tidemill/<service>\` |
| \`ce-type\` | full name of the message |
| \`ce-subject\` | \`<entity>/<id of the entity>\` |
| \`ce-time\` | when it happened, RFC 3339 |
| \`ce-datacontenttype\` | \`application/protobuf\` |
| \`ce-dataschema\` | \`type.googleapis.com/<full name of the message>\` |
| \`ce-sequence\` | version of the entity, grows by one with each of its events |
| \`ce-position\` | place in the service's history |
| \`ce-namespace\` | the namespace |
| \`ce-traceparent\` | W3C trace context of what caused it, when there is one |
`;

/** docs/events.md for an image that \`buf build\` wrote with source information. */
export function printEvents(image: Uint8Array): string {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, image));
  const files = [...registry.files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const events = files.flatMap((file) =>
    file.messages.filter((message) => hasOption(message, event)),
  );
  const services = new Map<string, DescMessage[]>();
  for (const message of events) {
    const { service } = getOption(message, event);
    services.set(service, [...(services.get(service) ?? []), message]);
  }
  const sections = [...services].map(([service, messages]) => printService(service, messages));
  return `${[head, ...sections].join("\n").trimEnd()}\n`;
}

function printService(service: string, events: readonly DescMessage[]): string {
  const rows = events.map((message) => {
    const { entity, verb } = getOption(message, event);
    const subject = `tidemill.${service}.<namespace>.${entity}.${verb}.v1`;
    return `| \`${subject}\` | [${message.name}](#${anchorOf(message)}) | ${cell(commentOf(message))} |`;
  });
  const parts = reachedFrom(events);
  return [
    `## ${service}`,
    "",
    "| subject | data | when |",
    "| --- | --- | --- |",
    ...rows,
    "",
    ...[...events, ...parts].flatMap(printMessage),
  ].join("\n");
}

/** Messages of ours that the data of events is made of, each once, in the order they are met. */
function reachedFrom(events: readonly DescMessage[]): readonly DescMessage[] {
  const reached = new Set<DescMessage>();
  const visit = (message: DescMessage) => {
    for (const { message: part } of message.fields) {
      if (part === undefined || reached.has(part) || !isOurs(part.file)) continue;
      reached.add(part);
      visit(part);
    }
  };
  for (const message of events) visit(message);
  return [...reached];
}

function isOurs(file: DescFile): boolean {
  return file.proto.package.startsWith("tidemill.");
}

function printMessage(message: DescMessage): string[] {
  const comment = commentOf(message);
  const lines = [
    `### ${message.name}`,
    "",
    `\`${message.typeName}\`${comment === "" ? "" : `: ${comment}`}`,
    "",
  ];
  if (message.fields.length === 0) return lines;
  const rows = message.fields.map(
    (field) => `| \`${field.name}\` | ${typeOf(field)} | ${cell(commentOf(field))} |`,
  );
  return [...lines, "| field | type | |", "| --- | --- | --- |", ...rows, ""];
}

function typeOf(field: DescField): string {
  switch (field.fieldKind) {
    case "scalar":
      return nameOfScalar(field);
    case "enum":
      return `one of ${field.enum.values.map((value) => `\`${value.name}\``).join(", ")}`;
    case "message":
      return linkTo(field.message);
    case "list":
      return `list of ${field.message === undefined ? nameOfScalar(field) : linkTo(field.message)}`;
    case "map":
      return `map to ${field.message === undefined ? nameOfScalar(field) : linkTo(field.message)}`;
  }
}

/** TYPE_INT64 -> int64, as the .proto says it. */
function nameOfScalar(field: DescField): string {
  if (field.enum !== undefined) return field.enum.name;
  const scalar = field.scalar;
  return scalar === undefined ? "" : (scalarNames[scalar] ?? "");
}

const scalarNames: Readonly<Record<number, string>> = {
  1: "double",
  2: "float",
  3: "int64",
  4: "uint64",
  5: "int32",
  6: "fixed64",
  7: "fixed32",
  8: "bool",
  9: "string",
  12: "bytes",
  13: "uint32",
  15: "sfixed32",
  16: "sfixed64",
  17: "sint32",
  18: "sint64",
};

function linkTo(message: DescMessage): string {
  return isOurs(message.file)
    ? `[${message.name}](#${anchorOf(message)})`
    : `\`${message.typeName}\``;
}

function anchorOf(message: DescMessage): string {
  return message.name.toLowerCase();
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
