import {
  create,
  type DescMessage,
  fromBinary,
  type Message,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { InvalidError, messageOf } from "@tidemill/errors";

/** Bytes that are no such message. A value, since grpc-js would make INTERNAL of a throw. */
export class Undecodable {
  readonly cause: unknown;

  constructor(cause: unknown) {
    this.cause = cause;
  }
}

export function decoderOf(schema: DescMessage): (bytes: Buffer) => Message | Undecodable {
  return (bytes) => {
    try {
      return fromBinary(schema, bytes);
    } catch (cause) {
      return new Undecodable(cause);
    }
  };
}

/** For clients: bytes that are no such message are the server's fault, and grpc-js says so. */
export function strictDecoderOf(schema: DescMessage): (bytes: Buffer) => Message {
  return (bytes) => fromBinary(schema, bytes);
}

export function encoderOf(schema: DescMessage): (init: MessageInitShape<DescMessage>) => Buffer {
  return (init) => {
    const bytes = toBinary(schema, create(schema, init));
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

/** The message. Throws InvalidError UNDECODABLE_REQUEST. */
export function requireDecoded(schema: DescMessage, decoded: Message | Undecodable): Message {
  if (!(decoded instanceof Undecodable)) return decoded;
  const why = messageOf(decoded.cause);
  throw new InvalidError(
    "UNDECODABLE_REQUEST",
    `the request is no ${schema.typeName} in protobuf binary: ${why}`,
  );
}
