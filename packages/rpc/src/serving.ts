import type { Service } from "@tidemill/lifecycle";
import type { RpcServer } from "./rpc-server.ts";

/** The last service of a group: SERVING from the moment that everything before it has started. */
export function serving(server: RpcServer): Service {
  return {
    async start() {
      await server.start();
      server.setServing(true);
    },
    stop: () => server.stop(),
  };
}
