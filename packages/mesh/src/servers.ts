export * from "./servers/nats-server.ts";
export * from "./servers/postgres-binaries.ts";
export * from "./servers/postgres-server.ts";
export * from "./servers/postgres-settings.ts";
export * from "./servers/postgres-user.ts";
export * from "./servers/process-plan.ts";
