import { messageOf } from "@tidemill/errors";
import { runUntilStopped } from "@tidemill/lifecycle";
import { createLogger } from "@tidemill/telemetry";
import { loadConfig } from "./config.ts";
import { createOrchestratorService } from "./service.ts";

const log = createLogger({ service: "orchestrator", level: "info" });
try {
  const service = createOrchestratorService(loadConfig());
  await runUntilStopped(service, (signal) => log.info("stopping", { signal }));
} catch (error) {
  log.error(`orchestrator could not run: ${messageOf(error)}`, { error });
  process.exitCode = 1;
}
