import { create } from "@bufbuild/protobuf";
import { NotFoundError, UnavailableError } from "@tidemill/errors";
import {
  Health,
  type HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "@tidemill/proto/grpc/health/v1/health_pb.ts";
import { bind, type ServiceBinding } from "./service-binding.ts";

/** What grpc.health.v1 says about this server; `""` is the server as a whole. */
export interface HealthBoard {
  readonly binding: ServiceBinding;
  setServing(service: string, serving: boolean): void;
  isServing(service: string): boolean;
}

/** Watchers at a time; a further one is told to come back later. */
const WATCHERS_MAX = 1_000;

export function createHealthBoard(services: readonly string[]): HealthBoard {
  const statuses = new Map<string, ServingStatus>(
    ["", ...services].map((name) => [name, ServingStatus.NOT_SERVING]),
  );
  const watchers = new Set<() => void>();

  function answer(status: ServingStatus): HealthCheckResponse {
    return create(HealthCheckResponseSchema, { status });
  }

  async function* watch(service: string, signal: AbortSignal) {
    if (watchers.size >= WATCHERS_MAX) {
      throw new UnavailableError("health", `more than ${WATCHERS_MAX} watchers of health`);
    }
    let changed = Promise.withResolvers<void>();
    const wake = () => changed.resolve();
    watchers.add(wake);
    signal.addEventListener("abort", wake);
    try {
      let last: ServingStatus | undefined;
      while (!signal.aborted) {
        const status = statuses.get(service) ?? ServingStatus.SERVICE_UNKNOWN;
        changed = Promise.withResolvers<void>();
        if (status !== last) yield answer(status);
        last = status;
        if ((statuses.get(service) ?? ServingStatus.SERVICE_UNKNOWN) === last)
          await changed.promise;
      }
    } finally {
      watchers.delete(wake);
      signal.removeEventListener("abort", wake);
    }
  }

  return {
    binding: bind(Health, {
      check({ service }) {
        const status = statuses.get(service);
        if (status === undefined) throw new NotFoundError("service", service);
        return answer(status);
      },
      list: () => ({
        statuses: Object.fromEntries([...statuses].map(([name, status]) => [name, answer(status)])),
      }),
      watch: ({ service }, context) => watch(service, context.signal),
    }),
    isServing: (service) => statuses.get(service) === ServingStatus.SERVING,
    setServing(service, serving) {
      statuses.set(service, serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
      for (const wake of watchers) wake();
    },
  };
}
