import type { DescMethod } from "@bufbuild/protobuf";
import { createConnectRouter, type HandlerContext, type MethodImplSpec } from "@connectrpc/connect";
import { cancelReason } from "./cancel-reason.ts";
import { decodedRequests, inputFaultsAreInvalid } from "./edge-input-faults.ts";
import type { RpcLimits } from "./limits.ts";
import type { ServiceBinding } from "./service-binding.ts";
import { toWire } from "./to-wire.ts";

type UniversalHandler = ReturnType<typeof createConnectRouter>["handlers"][number];

/** Handlers of Connect, gRPC and gRPC-web by path. */
export function edgeRoutes(
  bindings: readonly ServiceBinding[],
  limits: RpcLimits,
): ReadonlyMap<string, UniversalHandler> {
  const router = createConnectRouter({
    // Compression costs 1.6 to 3.3 times the CPU on one machine, where it saves nothing.
    acceptCompression: [],
    readMaxBytes: limits.messageBytesMax,
    writeMaxBytes: limits.messageBytesMax,
    maxTimeoutMs: limits.deadlineMsMax,
    requestGate: inputFaultsAreInvalid,
  });
  for (const binding of bindings) {
    for (const spec of binding.methods) mount(router, spec);
  }
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
}

function mount(router: ReturnType<typeof createConnectRouter>, spec: MethodImplSpec): void {
  switch (spec.kind) {
    case "unary":
      router.rpc(spec.method, (request, context) =>
        untilAborted(Promise.resolve(spec.impl(request, context)), context),
      );
      return;
    case "client_streaming":
      router.rpc(spec.method, (requests, context) => spec.impl(decodedRequests(requests), context));
      return;
    case "server_streaming":
      router.rpc(spec.method, spec.impl);
      return;
    case "bidi_streaming":
      router.rpc(spec.method, (requests, context) => spec.impl(decodedRequests(requests), context));
      return;
  }
}

/** Connect waits for a handler even past the deadline; a caller must not. */
function untilAborted<T>(answer: Promise<T>, { signal }: HandlerContext): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(toWire(cancelReason(signal.reason), ""));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Whether a method can be served over HTTP/1.1, which cannot do both ways at once. */
export function needsHttp2(method: DescMethod): boolean {
  return method.methodKind === "bidi_streaming";
}
