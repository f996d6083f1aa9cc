import {
  type DatabaseService,
  databaseName,
  ensureCredentials,
  homeLayout,
  preparePostgres,
  readSecret,
} from "@tidemill/mesh/home";
import { createDatabase, type Database } from "@tidemill/postgres";
import { silentLogger } from "@tidemill/telemetry";
import { servePostgres } from "@tidemill/testing";

/**
 * The databases of a home whose mesh is down, made if they are not there, each with the rights of
 * the service that owns it.
 */
export async function withHomeDatabases(
  home: string,
  services: readonly DatabaseService[],
  work: (service: DatabaseService, database: Database) => Promise<void>,
): Promise<void> {
  const layout = homeLayout(home);
  const credentials = await ensureCredentials(layout);
  const site = await preparePostgres(layout, credentials, services);
  const server = await servePostgres(site, { fsync: false });
  try {
    for (const service of services) {
      const name = databaseName(service);
      const database = createDatabase({
        url: `postgres://${name}@127.0.0.1:${server.port}/${name}`,
        password: await readSecret(credentials.postgres[service]),
        poolMax: 1,
        log: silentLogger,
      });
      try {
        await database.start();
        await work(service, database);
      } finally {
        await database.stop();
      }
    }
  } finally {
    await server.stop();
  }
}
