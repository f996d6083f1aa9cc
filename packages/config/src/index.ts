export * from "./env-reader.ts";
export * from "./namespace.ts";
export * from "./ports.ts";
