import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { InvalidError } from "@tidemill/errors";
import { requestIdKey } from "./context-keys.ts";

/** What Connect answers with for bytes that are no message, as if it were the server's fault. */
const serverFaults: readonly Code[] = [Code.Internal, Code.Unknown, Code.DataLoss];

/**
 * Runs before Connect reads a request. What fails between here and the handler can only be the
 * request: the error is mended when Connect ends the call with it, which it does before it writes.
 */
export function inputFaultsAreInvalid(context: HandlerContext): void {
  context.signal.addEventListener("abort", () => {
    const error: unknown = context.signal.reason;
    const handled = context.values.get(requestIdKey) !== "";
    if (handled || !isServerFault(error)) return;
    // The error is Connect's own and about to be written; there is no other way to its code.
    Object.assign(error, { code: Code.InvalidArgument });
  });
}

/** The messages of a stream; what is none throws InvalidError UNDECODABLE_REQUEST. */
export async function* decodedRequests<I>(requests: AsyncIterable<I>): AsyncGenerator<I, void> {
  try {
    yield* requests;
  } catch (error) {
    if (!isServerFault(error)) throw error;
    throw new InvalidError("UNDECODABLE_REQUEST", error.rawMessage, [], { cause: error });
  }
}

function isServerFault(error: unknown): error is ConnectError {
  return error instanceof ConnectError && serverFaults.includes(error.code);
}
