import { messageOf } from "@tidemill/errors";
import { stopSignal } from "@tidemill/lifecycle";
import { createLogger } from "@tidemill/telemetry";
import { loadConfig } from "./config.ts";
import { createArtifactsService } from "./service.ts";

const log = createLogger({ service: "artifacts", level: "info" });
try {
  const service = createArtifactsService(loadConfig());
  const stopped = stopSignal();
  const starting = service.start();
  // Nothing was promised to anybody before it has started, so then it may just end.
  const early = await Promise.race([starting, stopped]);
  if (early !== undefined) process.exit(0);
  const signal = await stopped;
  log.info("stopping", { signal });
  await service.stop();
} catch (error) {
  log.error(`artifacts could not run: ${messageOf(error)}`, { error });
  process.exitCode = 1;
}
