export { loadConfig, type OrchestratorConfig, RUNS_RETENTION_DAYS } from "./config.ts";
export {
  createOrchestratorService,
  type OrchestratorOverrides,
  type OrchestratorService,
  orchestratorMigrations,
} from "./service.ts";
