export * from "./reaper/reaper.ts";
export * from "./servers.ts";
export * from "./tools.ts";
