export * from "./backoff.ts";
export * from "./clock.ts";
export * from "./run-until-stopped.ts";
export * from "./service.ts";
export * from "./signals.ts";
