export * from "./servers.ts";
export * from "./tools.ts";
