import { messageOf } from "@tidemill/errors";
import { runUntilStopped } from "@tidemill/lifecycle";
import { createLogger } from "@tidemill/telemetry";
import { loadConfig } from "./config.ts";
import { createArtifactsService } from "./service.ts";

const log = createLogger({ service: "artifacts", level: "info" });
try {
  const service = createArtifactsService(loadConfig());
  await runUntilStopped(service, (signal) => log.info("stopping", { signal }));
} catch (error) {
  log.error(`artifacts could not run: ${messageOf(error)}`, { error });
  process.exitCode = 1;
}
