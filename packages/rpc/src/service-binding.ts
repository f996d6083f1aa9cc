import type { DescService } from "@bufbuild/protobuf";
import { createServiceImplSpec, type MethodImplSpec, type ServiceImpl } from "@connectrpc/connect";

/** A proto service and its handlers, ready to be mounted on a server. */
export interface ServiceBinding {
  readonly service: DescService;
  readonly methods: readonly MethodImplSpec[];
}

/** Ties handlers, written once in Connect's style, to their service. */
export function bind<S extends DescService>(service: S, impl: ServiceImpl<S>): ServiceBinding {
  const spec = createServiceImplSpec<S>(service, impl);
  return { service, methods: Object.values(spec.methods) };
}
