import { type ContextKey, createContextKey } from "@connectrpc/connect";
import { type Logger, silentLogger } from "@tidemill/telemetry";

export const ANONYMOUS_CALLER = "anonymous";

/** Who calls: what `authenticate` returned, or ANONYMOUS_CALLER. */
export const callerKey: ContextKey<string> = createContextKey(ANONYMOUS_CALLER, {
  description: "caller",
});

/** The caller's `x-request-id` header, or a new one. (Not the `request_id` field of a message.) */
export const requestIdKey: ContextKey<string> = createContextKey("", { description: "request id" });

/** The server's logger; lines written during a call carry its request id by themselves. */
export const logKey: ContextKey<Logger> = createContextKey(silentLogger, { description: "log" });
