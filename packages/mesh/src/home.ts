export {
  type DatabaseService,
  databaseServices,
  ensureCredentials,
  readSecret,
} from "./home/credentials.ts";
export { homeLayout } from "./home/home-layout.ts";
export { databaseName, preparePostgres } from "./home/postgres-site.ts";
