export * from "./tools/find-python.ts";
export * from "./tools/toolbox.ts";
export * from "./tools/wheel.ts";
