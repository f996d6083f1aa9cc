import { createHash } from "node:crypto";
import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { DEFAULT_NAMESPACE } from "@tidemill/config";
import { canonicalBytes } from "./canonical-bytes.ts";
import { callerKey } from "./context-keys.ts";

/** What makes two requests the same one, and a digest of what they ask for. */
export interface IdempotencyKey {
  readonly namespace: string;
  /** Full name of the RPC. */
  readonly method: string;
  readonly caller: string;
  readonly requestId: string;
  /** SHA-256 of the request without its `request_id`. */
  readonly digest: Uint8Array;
}

/**
 * The key under which the answer to a mutating request is kept; undefined when the request carries
 * no `request_id`. The same id with another digest is InvalidError REQUEST_ID_REUSED, which the
 * table of keys decides.
 */
export function idempotencyOf(
  method: DescMethod,
  request: Message,
  context: HandlerContext,
): IdempotencyKey | undefined {
  const requestId = stringField(request, "requestId");
  if (requestId === "") return undefined;
  const namespace = stringField(request, "namespace");
  const bytes = canonicalBytes(method.input, request, ["request_id", "namespace"]);
  return {
    namespace: namespace === "" ? DEFAULT_NAMESPACE : namespace,
    method: `${method.parent.typeName}/${method.name}`,
    caller: context.values.get(callerKey),
    requestId,
    digest: createHash("sha256").update(bytes).digest(),
  };
}

function stringField(message: object, name: string): string {
  const value: unknown = Reflect.get(message, name);
  return typeof value === "string" ? value : "";
}
