import type { DescMethod, DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type ContextValues, type HandlerContext } from "@connectrpc/connect";
import type { Metadata } from "@grpc/grpc-js";
import { CallValues } from "./call-values.ts";
import { headersOf, metadataOf } from "./grpc-headers.ts";

/** The part of a grpc-js server call that a context is made from. */
export interface GrpcCallFacts {
  readonly metadata: Metadata;
  readonly cancelled: boolean;
  getDeadline(): Date | number;
  getHost(): string;
}

/**
 * A handler's context over a grpc-js call. Headers and the abort signal are built only when
 * somebody asks for them: most unary handlers never do, and they would cost more than the call
 * itself.
 */
export class GrpcContext implements HandlerContext {
  readonly method: DescMethod;
  readonly service: DescService;
  readonly requestMethod = "POST";
  readonly protocolName = "grpc";
  readonly values: ContextValues = new CallValues();
  readonly #call: GrpcCallFacts;
  readonly #deadlineMs: number;
  #controller: AbortController | undefined;
  #aborted: "canceled" | "late" | undefined;
  #requestHeader: Headers | undefined;
  #responseHeader: Headers | undefined;
  #responseTrailer: Headers | undefined;

  /** `deadlineMs` is the time the call must have ended by, Infinity for never. */
  constructor(method: DescMethod, call: GrpcCallFacts, deadlineMs: number) {
    this.method = method;
    this.service = method.parent;
    this.#call = call;
    this.#deadlineMs = deadlineMs;
  }

  get url(): string {
    return `http://${this.#call.getHost()}/${this.service.typeName}/${this.method.name}`;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(abortReason(this.#aborted));
    }
    return this.#controller.signal;
  }

  timeoutMs = (): number | undefined => {
    if (this.#deadlineMs === Number.POSITIVE_INFINITY) return undefined;
    return this.#deadlineMs - Date.now();
  };

  header(name: string): string | undefined {
    if (name === "host") return this.#call.getHost();
    const value = this.#call.metadata.get(name)[0];
    return typeof value === "string" ? value : undefined;
  }

  get requestHeader(): Headers {
    this.#requestHeader ??= headersOf(this.#call.metadata);
    return this.#requestHeader;
  }

  get responseHeader(): Headers {
    this.#responseHeader ??= new Headers();
    return this.#responseHeader;
  }

  get responseTrailer(): Headers {
    this.#responseTrailer ??= new Headers();
    return this.#responseTrailer;
  }

  /** Headers that a handler has set; undefined when none. */
  get headerMetadata(): Metadata | undefined {
    return this.#responseHeader === undefined ? undefined : metadataOf(this.#responseHeader);
  }

  get trailerMetadata(): Metadata | undefined {
    return this.#responseTrailer === undefined ? undefined : metadataOf(this.#responseTrailer);
  }

  /** The call is over: by itself, by its deadline, or because the caller went away. */
  abort(): void {
    if (this.#aborted !== undefined) return;
    this.#aborted = Date.now() >= this.#deadlineMs ? "late" : "canceled";
    this.#controller?.abort(abortReason(this.#aborted));
  }
}

function abortReason(aborted: "canceled" | "late"): ConnectError {
  return aborted === "late"
    ? new ConnectError("the deadline passed", Code.DeadlineExceeded)
    : new ConnectError("the call was canceled", Code.Canceled);
}
