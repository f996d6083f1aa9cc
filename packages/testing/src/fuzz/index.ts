export * from "./arbitrary-message.ts";
export * from "./fuzz-http.ts";
export * from "./fuzz-rpcs.ts";
