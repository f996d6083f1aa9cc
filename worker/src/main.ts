import { stopSignal } from "@tidemill/lifecycle";
import { readConfig } from "./config.ts";
import { createWorkerService } from "./service.ts";

const stopped = stopSignal();
const worker = createWorkerService(readConfig());
await worker.start();
await stopped;
await worker.stop();
