export { loadConfig, type OrchestratorConfig } from "./config.ts";
export {
  createOrchestratorService,
  type OrchestratorOverrides,
  type OrchestratorService,
  orchestratorMigrations,
} from "./service.ts";
