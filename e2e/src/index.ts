export * from "./check-journals.ts";
export * from "./find-processes.ts";
export * from "./journeys.ts";
export * from "./root.ts";
export * from "./run-command.ts";
export * from "./test-mesh.ts";
