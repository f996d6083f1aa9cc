import { StateError } from "@tidemill/errors";
import { type Service, serviceGroup } from "@tidemill/lifecycle";
import { Health } from "@tidemill/proto/grpc/health/v1/health_pb.ts";
import type { Logger, Telemetry } from "@tidemill/telemetry";
import type { Authenticate } from "./admission.ts";
import { createCallGuard } from "./call-guard.ts";
import { createEdgeListener } from "./edge-listener.ts";
import { createEdgeServer } from "./edge-server.ts";
import { createGrpcServer } from "./grpc-server.ts";
import { createHealthBoard } from "./health.ts";
import { ALLOWED_HOSTS_SETTING, createHostPolicy, isLoopback } from "./host-policy.ts";
import { defaultLimits, type RpcLimits } from "./limits.ts";
import type { HttpRouteHandler } from "./plain-http.ts";
import { createReflection } from "./reflection.ts";
import { createServerMetrics } from "./server-metrics.ts";
import type { ServiceBinding } from "./service-binding.ts";

export interface RpcServerOptions {
  /** For logs and errors: "orchestrator". */
  readonly name: string;
  readonly log: Logger;
  readonly telemetry: Telemetry;
  /** The address to listen on; any but loopback asks for `authenticate`. */
  readonly host: string;
  /** The edge port; 0 takes a free one. */
  readonly httpPort: number;
  /** The mesh's port, gRPC alone; without it there is only the edge port. */
  readonly grpcPort?: number | undefined;
  readonly services: readonly ServiceBinding[];
  /** Names besides loopback that Host and Origin headers may carry. */
  readonly allowedHosts?: readonly string[] | undefined;
  readonly authenticate?: Authenticate | undefined;
  /** Plain HTTP routes of the service itself. */
  readonly http?: HttpRouteHandler | undefined;
  readonly limits?: Partial<RpcLimits> | undefined;
}

/** Both ports of a service. It serves, but is not SERVING, until `setServing(true)`. */
export interface RpcServer extends Service {
  /** Bound port of the edge, once started. */
  readonly httpPort: number;
  /** Bound port of the mesh; the edge's when there is only that one. */
  readonly grpcPort: number;
  /** What grpc.health.v1 and /healthz say; of one proto service when it is named. */
  setServing(serving: boolean, service?: string): void;
}

/**
 * Handlers, health and reflection on both ports behind one chain. Throws StateError
 * AUTHENTICATION_REQUIRED for an address that others can reach while nobody checks who calls.
 */
export function createRpcServer(options: RpcServerOptions): RpcServer {
  requireSafeAddress(options);
  const { log, telemetry, host, authenticate } = options;
  const limits: RpcLimits = { ...defaultLimits, ...options.limits };
  const names = options.services.map(({ service }) => service.typeName);
  const health = createHealthBoard(names);
  const rules = {
    hosts: createHostPolicy([...(options.allowedHosts ?? []), ...ownNames(host)]),
    authenticate,
    openServices: new Set([Health.typeName]),
  };
  const metrics = createServerMetrics(telemetry);
  const guard = createCallGuard({ log, telemetry, metrics, limits, ...rules });
  const reflected = [...options.services.map(({ service }) => service), Health];
  const bindings = [...options.services, health.binding, ...createReflection(reflected)].map(
    guard.wrap,
  );
  const edge = createEdgeServer({
    host,
    port: options.httpPort,
    limits,
    listener: createEdgeListener({
      ...rules,
      log,
      telemetry,
      limits,
      bindings,
      health,
      http: options.http,
    }),
  });
  const grpc =
    options.grpcPort === undefined
      ? undefined
      : createGrpcServer({ host, port: options.grpcPort, limits, bindings });
  const ports = serviceGroup([
    { name: `${options.name} edge port`, service: edge },
    ...(grpc === undefined ? [] : [{ name: `${options.name} grpc port`, service: grpc }]),
  ]);

  function setServing(serving: boolean, service?: string): void {
    for (const name of service === undefined ? ["", ...names] : [service]) {
      health.setServing(name, serving);
    }
  }

  return {
    get httpPort() {
      return edge.port;
    },
    get grpcPort() {
      return grpc?.port ?? edge.port;
    },
    setServing,
    async start() {
      await ports.start();
      log.info("listening", { host, http_port: edge.port, grpc_port: grpc?.port });
    },
    async stop() {
      setServing(false);
      guard.stop();
      await ports.stop();
    },
  };
}

function requireSafeAddress({ name, host, authenticate }: RpcServerOptions): void {
  if (isLoopback(host) || authenticate !== undefined) return;
  throw new StateError(
    "AUTHENTICATION_REQUIRED",
    `${name} would listen on "${host}", where others can reach it, without authentication: ` +
      "set TIDEMILL_HOST to 127.0.0.1, or configure authentication",
    { metadata: { host, setting: "TIDEMILL_HOST", related: ALLOWED_HOSTS_SETTING } },
  );
}

/** The name a server listens under is one it answers to, unless it stands for all addresses. */
function ownNames(host: string): readonly string[] {
  return host === "0.0.0.0" || host === "::" ? [] : [host];
}
