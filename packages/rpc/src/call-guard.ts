import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { HandlerContext, MethodImplSpec } from "@connectrpc/connect";
import { CanceledError, UnavailableError } from "@tidemill/errors";
import { runInScope } from "@tidemill/telemetry";
import { type AdmissionRules, admit } from "./admission.ts";
import { causeOf } from "./cancel-reason.ts";
import type { RpcLimits } from "./limits.ts";
import { type CallObservers, OpenCall } from "./open-call.ts";
import type { ServiceBinding } from "./service-binding.ts";
import { StreamLease } from "./stream-lease.ts";
import { requireValid } from "./validation.ts";

export interface CallGuardOptions extends CallObservers, AdmissionRules {
  readonly limits: RpcLimits;
}

export interface CallGuard {
  /** The same handlers behind host check, authentication, validation, limits, metrics and log. */
  wrap(binding: ServiceBinding): ServiceBinding;
  /** Ends every open stream, so that clients go elsewhere or come back. */
  stop(): void;
}

interface Inner {
  readonly context: HandlerContext;
  readonly lease: StreamLease;
}

/** The one chain every call goes through, whatever the port and the protocol. */
export function createCallGuard(options: CallGuardOptions): CallGuard {
  const leases = new Set<StreamLease>();

  function wrapMethod(spec: MethodImplSpec): MethodImplSpec {
    switch (spec.kind) {
      case "unary":
        return {
          kind: "unary",
          method: spec.method,
          impl: (request, context) =>
            guardUnary(context, () => {
              requireValid(spec.method.input, request);
              return spec.impl(request, context);
            }),
        };
      case "server_streaming":
        return {
          kind: "server_streaming",
          method: spec.method,
          impl: (request, context) =>
            guardStream(context, (inner) => {
              requireValid(spec.method.input, request);
              return spec.impl(request, inner.context);
            }),
        };
      case "client_streaming":
        return {
          kind: "client_streaming",
          method: spec.method,
          impl: (requests, context) =>
            first(
              guardStream(context, (inner) =>
                single(spec.impl(checked(spec.method.input, requests, inner.lease), inner.context)),
              ),
            ),
        };
      case "bidi_streaming":
        return {
          kind: "bidi_streaming",
          method: spec.method,
          impl: (requests, context) =>
            guardStream(context, (inner) =>
              spec.impl(checked(spec.method.input, requests, inner.lease), inner.context),
            ),
        };
    }
  }

  async function guardUnary<O>(context: HandlerContext, handle: () => Promise<O> | O): Promise<O> {
    const call = new OpenCall(context, options);
    try {
      const admitted = admit(context, options);
      if (admitted !== undefined) await admitted;
      const answer = await runInScope(call.scope, handle);
      call.succeed();
      return answer;
    } catch (thrown) {
      throw call.fail(causeOf(thrown, context.signal));
    }
  }

  async function* guardStream<O>(
    context: HandlerContext,
    open: (inner: Inner) => AsyncIterable<O>,
  ): AsyncGenerator<O, void, undefined> {
    const call = new OpenCall(context, options);
    const lease = new StreamLease(context, options.limits);
    leases.add(lease);
    let iterator: AsyncIterator<O> | undefined;
    try {
      await admit(context, options);
      const inner = { context: withSignal(context, lease.signal), lease };
      const answers = runInScope(call.scope, () => open(inner)[Symbol.asyncIterator]());
      iterator = answers;
      for (;;) {
        const next = await lease.race(runInScope(call.scope, () => answers.next()));
        if (next.done === true) break;
        lease.touch();
        yield next.value;
      }
      call.succeed();
    } catch (thrown) {
      throw call.fail(causeOf(thrown, lease.signal));
    } finally {
      // A caller that stops reading ends this generator at its `yield`: neither of the above.
      if (call.open) call.fail(new CanceledError("CANCELED", "the caller went away"));
      lease.close();
      leases.delete(lease);
      // Not awaited: a handler that waits for something sees its signal abort and ends by itself.
      iterator?.return?.().catch(() => undefined);
    }
  }

  return {
    wrap: (binding) => ({ ...binding, methods: binding.methods.map(wrapMethod) }),
    stop() {
      const reason = new UnavailableError("server", "the server is stopping: try again");
      for (const lease of leases) lease.end(reason);
    },
  };
}

async function* checked<I extends Message>(
  schema: DescMessage,
  requests: AsyncIterable<I>,
  lease: StreamLease,
): AsyncGenerator<I, void, undefined> {
  for await (const request of requests) {
    lease.touch();
    requireValid(schema, request);
    yield request;
  }
}

async function* single<O>(answer: Promise<O>): AsyncGenerator<O, void, undefined> {
  yield await answer;
}

async function first<O>(answers: AsyncIterable<O>): Promise<O> {
  let found: { readonly answer: O } | undefined;
  for await (const answer of answers) found ??= { answer };
  if (found === undefined) throw new Error("bug: a client stream ended without an answer");
  return found.answer;
}

/** The same context with another signal; contexts may be classes, so every property is named. */
function withSignal(context: HandlerContext, signal: AbortSignal): HandlerContext {
  return {
    method: context.method,
    service: context.service,
    signal,
    timeoutMs: () => context.timeoutMs(),
    requestMethod: context.requestMethod,
    requestHeader: context.requestHeader,
    responseHeader: context.responseHeader,
    responseTrailer: context.responseTrailer,
    protocolName: context.protocolName,
    values: context.values,
    url: context.url,
  };
}
