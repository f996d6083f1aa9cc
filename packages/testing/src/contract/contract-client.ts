import type {
  DescMethodServerStreaming,
  DescMethodUnary,
  JsonValue,
  Message,
} from "@bufbuild/protobuf";

/** A unary or server-streaming call as every client of the suite can make it. */
export interface SampleCall {
  readonly method: DescMethodUnary | DescMethodServerStreaming;
  readonly request: Message;
}

export interface CallSettings {
  readonly timeoutMs?: number;
  /** Cancel once this many messages have come. */
  readonly cancelAfter?: number;
}

/** What a client saw, in the same words for every client. */
export interface CallOutcome {
  /** JSON form of the messages that came. */
  readonly messages: readonly JsonValue[];
  readonly error?: CallError;
}

export interface CallError {
  /** `not_found`, as Connect spells it. */
  readonly code: string;
  readonly message: string;
  /** From the ErrorInfo detail; undefined when the client got none. */
  readonly reason: string | undefined;
}

export interface ContractClient {
  /** For the name of a test: `connect-node, gRPC-web, HTTP/1.1`. */
  readonly name: string;
  /** Whether requests travel in binary, so that unknown fields do too. */
  readonly binary: boolean;
  call(sample: SampleCall, settings?: CallSettings): Promise<CallOutcome>;
  close(): void;
}

export interface ServerPorts {
  readonly httpPort: number;
  readonly grpcPort: number;
}
