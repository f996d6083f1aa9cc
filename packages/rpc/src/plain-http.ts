import type { IncomingMessage, ServerResponse } from "node:http";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";

export type EdgeRequest = IncomingMessage | Http2ServerRequest;
export type EdgeResponse = ServerResponse | Http2ServerResponse;

export interface HttpRouteContext {
  /** What `authenticate` returned, or "anonymous". */
  readonly caller: string;
  readonly requestId: string;
}

/** Answers a plain HTTP request and returns true, or returns false for one that is not its own. */
export type HttpRouteHandler = (
  request: EdgeRequest,
  response: EdgeResponse,
  context: HttpRouteContext,
) => boolean | Promise<boolean>;
