import { messageOf } from "@tidemill/errors";
import { stopSignal } from "@tidemill/lifecycle";
import { createLogger } from "@tidemill/telemetry";
import { loadConfig } from "./config.ts";
import { createOrchestratorService } from "./service.ts";

const log = createLogger({ service: "orchestrator", level: "info" });
try {
  const service = createOrchestratorService(loadConfig());
  const stopped = stopSignal();
  await service.start();
  const signal = await stopped;
  log.info("stopping", { signal });
  await service.stop();
} catch (error) {
  log.error(`orchestrator could not run: ${messageOf(error)}`, { error });
  process.exitCode = 1;
}
