export {
  type ArtifactsConfig,
  BLOB_BYTES_MAX,
  LOG_BYTES_MAX,
  LOGS_RETENTION_DAYS,
  loadConfig,
} from "./config.ts";
export {
  type ArtifactsOverrides,
  type ArtifactsService,
  artifactsMigrations,
  createArtifactsService,
} from "./service.ts";
