import { StateError } from "@tidemill/errors";

/** Why a listener could not be opened, with what to do. */
export function listenError(address: string, cause: Error): StateError {
  const taken = cause.message.includes("EADDRINUSE");
  const advice = taken
    ? "another process has the port: stop it, or choose another port (--port-offset moves all)"
    : cause.message;
  return new StateError("CANNOT_LISTEN", `cannot listen on ${address}: ${advice}`, {
    cause,
    metadata: { address },
  });
}
