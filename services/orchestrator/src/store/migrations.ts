import { fileURLToPath } from "node:url";
import { eventingMigrations } from "@tidemill/eventing";
import { type MigrationSource, postgresMigrations } from "@tidemill/postgres";

/** In the order in which they are applied. */
export const orchestratorMigrations: readonly MigrationSource[] = [
  postgresMigrations,
  eventingMigrations,
  {
    name: "orchestrator",
    directory: fileURLToPath(new URL("../../migrations", import.meta.url)),
  },
];
