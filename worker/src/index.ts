export { readConfig, type WorkerConfig } from "./config.ts";
export { createWorkerService, type WorkerOverrides, type WorkerServer } from "./service.ts";
