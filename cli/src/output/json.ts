import { type DescMessage, type MessageShape, toJson } from "@bufbuild/protobuf";
import type { Terminal } from "./terminal.ts";

/** What `--json` prints: one document, indented for a person who looks all the same. */
export function printJson(terminal: Terminal, value: unknown): void {
  terminal.print(JSON.stringify(value, undefined, 2));
}

/** One line of a stream of documents: what `--json` prints for `watch` and `logs`. */
export function printJsonLine(terminal: Terminal, value: unknown): void {
  terminal.print(JSON.stringify(value));
}

/** A message in the JSON form of protobuf, with every field, also those that are empty. */
export function jsonOf<Schema extends DescMessage>(
  schema: Schema,
  message: MessageShape<Schema>,
): unknown {
  return toJson(schema, message, { alwaysEmitImplicit: true });
}
