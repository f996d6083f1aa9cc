import { Code, ConnectError } from "@connectrpc/connect";
import {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { ForbiddenError, InvalidError, UnsupportedError } from "@tidemill/errors";
import { type Logger, runInScope, type Telemetry } from "@tidemill/telemetry";
import type { AdmissionRules } from "./admission.ts";
import { ANONYMOUS_CALLER } from "./context-keys.ts";
import { discardBody, discardWhenAnswered } from "./discard-body.ts";
import { isGrpc, sendError, sendJson, sendText } from "./edge-answers.ts";
import { edgeRoutes, needsHttp2 } from "./edge-routes.ts";
import type { EdgeListener } from "./edge-server.ts";
import type { HealthBoard } from "./health.ts";
import type { RpcLimits } from "./limits.ts";
import { chooseRequestId } from "./open-call.ts";
import type { EdgeRequest, EdgeResponse, HttpRouteHandler } from "./plain-http.ts";
import type { ServiceBinding } from "./service-binding.ts";
import { toWire } from "./to-wire.ts";

export interface EdgeListenerOptions extends AdmissionRules {
  readonly log: Logger;
  readonly telemetry: Telemetry;
  readonly limits: RpcLimits;
  /** Guarded already. */
  readonly bindings: readonly ServiceBinding[];
  readonly health: HealthBoard;
  readonly http?: HttpRouteHandler | undefined;
}

type Routes = ReturnType<typeof edgeRoutes>;
type Route = Routes extends ReadonlyMap<string, infer T> ? T : never;

/**
 * Answers every request of the edge port: RPCs, /healthz, /metrics, then the service's own routes.
 */
export function createEdgeListener(options: EdgeListenerOptions): EdgeListener {
  const routes = edgeRoutes(options.bindings, options.limits);

  async function answer(
    request: EdgeRequest,
    response: EdgeResponse,
    requestId: string,
  ): Promise<void> {
    requireHost(request, options);
    const path = pathOf(request);
    const route = routes.get(path);
    if (route !== undefined) return answerRpc(route, request, response);
    if (path === "/healthz") return answerHealth(request, response);
    const caller = await authenticate(request, path, options);
    if (path === "/metrics" && isRead(request)) {
      const text = await options.telemetry.metricsText();
      return sendText(response, METRICS_CONTENT_TYPE, text);
    }
    const scope = { fields: { request_id: requestId } };
    const handled = await runInScope(scope, () =>
      options.http?.(request, response, { caller, requestId }),
    );
    if (handled !== true) answerUnknown(request, response, path);
  }

  async function answerRpc(
    route: Route,
    request: EdgeRequest,
    response: EdgeResponse,
  ): Promise<void> {
    if (needsHttp2(route.method) && request.httpVersionMajor < 2) {
      response.setHeader("connection", "close");
      const message = `${route.method.name} streams both ways: call it over HTTP/2`;
      throw new UnsupportedError("HTTP_1_BIDI", message);
    }
    if (route.method.methodKind === "unary") setDeadline(request, options.limits.deadlineMs);
    const universal = universalRequestFromNodeRequest(request, response, undefined, undefined);
    const body = request.iterator({ destroyOnReturn: request.httpVersionMajor >= 2 });
    const answered = await route({ ...universal, body });
    if (!(await discardBody(request))) response.setHeader("connection", "close");
    discardWhenAnswered(request);
    await universalResponseToNodeResponse(answered, response);
  }

  function answerHealth(request: EdgeRequest, response: EdgeResponse): void {
    const serving = options.health.isServing("");
    if (!isRead(request)) sendJson(response, 405, { message: "use GET" });
    else sendJson(response, serving ? 200 : 503, { status: serving ? "SERVING" : "NOT_SERVING" });
  }

  function fail(request: EdgeRequest, response: EdgeResponse, thrown: unknown): void {
    const broken = thrown instanceof ConnectError || response.destroyed || request.destroyed;
    const traceId = String(response.getHeader("x-request-id") ?? "");
    const error = toWire(thrown, traceId);
    if (error.code === Code.Internal && !broken) {
      options.log.error("http request failed", { request_id: traceId, error: thrown });
    }
    sendError(request, response, error);
  }

  return (request: EdgeRequest, response: EdgeResponse) => {
    const requestId = chooseRequestId(headerOfRequest(request, "x-request-id"));
    request.headers["x-request-id"] = requestId;
    response.setHeader("x-request-id", requestId);
    // The peer may vanish at any moment; whoever is writing learns it from the failed write.
    request.on("error", () => undefined);
    response.on("error", () => undefined);
    answer(request, response, requestId).catch((thrown: unknown) => {
      fail(request, response, thrown);
    });
  };
}

const METRICS_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Throws InvalidError when HTTP/2 came without an authority, ForbiddenError when it is foreign. */
function requireHost(request: EdgeRequest, { hosts }: AdmissionRules): void {
  const host = headerOfRequest(request, ":authority") ?? headerOfRequest(request, "host");
  if (host === undefined) {
    throw new InvalidError("NO_HOST", "the request names no host: send a host header");
  }
  hosts.require(host, headerOfRequest(request, "origin"));
  const second = headerOfRequest(request, "host");
  if (second !== undefined && second !== host) {
    throw new ForbiddenError("FOREIGN_HOST", "host and :authority name different hosts");
  }
  if (request.httpVersionMajor >= 2) request.headers[":authority"] = host;
}

async function authenticate(
  request: EdgeRequest,
  path: string,
  rules: AdmissionRules,
): Promise<string> {
  if (rules.authenticate === undefined) return ANONYMOUS_CALLER;
  return rules.authenticate({ header: (name) => headerOfRequest(request, name), path });
}

function answerUnknown(request: EdgeRequest, response: EdgeResponse, path: string): void {
  if (isGrpc(request)) {
    const message = `there is no method ${JSON.stringify(path.slice(0, PATH_SHOWN_MAX))}`;
    sendError(request, response, new ConnectError(message, Code.Unimplemented));
    return;
  }
  sendJson(response, 404, { code: "not_found", message: "nothing is served under this path" });
}

const PATH_SHOWN_MAX = 256;

function pathOf(request: EdgeRequest): string {
  return request.url?.split("?", 1)[0] ?? "";
}

function isRead(request: EdgeRequest): boolean {
  return request.method === "GET" || request.method === "HEAD";
}

function headerOfRequest(request: EdgeRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** A caller of a unary method who names no deadline gets the server's. */
function setDeadline(request: EdgeRequest, deadlineMs: number): void {
  const { headers } = request;
  if (isGrpc(request)) headers["grpc-timeout"] ??= `${deadlineMs}m`;
  else headers["connect-timeout-ms"] ??= String(deadlineMs);
}
