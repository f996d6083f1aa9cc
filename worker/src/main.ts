import { messageOf } from "@tidemill/errors";
import { runUntilStopped } from "@tidemill/lifecycle";
import { createLogger } from "@tidemill/telemetry";
import { readConfig } from "./config.ts";
import { createWorkerService } from "./service.ts";

const log = createLogger({ service: "worker", level: "info" });
try {
  const service = createWorkerService(readConfig());
  await runUntilStopped(service, (signal) => log.info("stopping", { signal }));
} catch (error) {
  log.error(`worker could not run: ${messageOf(error)}`, { error });
  process.exitCode = 1;
}
