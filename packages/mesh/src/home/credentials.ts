import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { HomeLayout } from "./home-layout.ts";
import { writeFileDurably } from "./write-file-durably.ts";

/** The services that own a database. */
export const databaseServices = ["orchestrator", "artifacts"] as const;
export type DatabaseService = (typeof databaseServices)[number];

/** Paths of the secrets of one home, each a file of its own (0600) made on first use. */
export interface Credentials {
  readonly postgresSuperuser: string;
  readonly postgres: Readonly<Record<DatabaseService, string>>;
  readonly natsToken: string;
  readonly workerToken: string;
  readonly pageTokenKey: string;
  /** Ed25519, PKCS #8: the orchestrator signs the tokens of runs with it. */
  readonly meshKey: string;
}

const SECRET_BYTES = 32;

/** Makes what is missing; what is there stays. */
export async function ensureCredentials(layout: HomeLayout): Promise<Credentials> {
  const secret = (name: string, make = randomSecret) => ensureFile(layout, name, make);
  const [
    postgresSuperuser,
    orchestrator,
    artifacts,
    natsToken,
    workerToken,
    pageTokenKey,
    meshKey,
  ] = await Promise.all([
    secret("postgres-superuser"),
    secret("postgres-orchestrator"),
    secret("postgres-artifacts"),
    secret("nats-token"),
    secret("worker-token"),
    secret("page-token-key"),
    secret("mesh-key.pem", randomSigningKey),
  ]);
  return {
    postgresSuperuser,
    postgres: { orchestrator, artifacts },
    natsToken,
    workerToken,
    pageTokenKey,
    meshKey,
  };
}

export async function readSecret(path: string): Promise<string> {
  return (await readFile(path, "utf8")).trim();
}

async function ensureFile(layout: HomeLayout, name: string, make: () => string): Promise<string> {
  const path = join(layout.credentials, name);
  if (!existsSync(path)) await writeFileDurably(path, make());
  return path;
}

function randomSecret(): string {
  return randomBytes(SECRET_BYTES).toString("hex");
}

function randomSigningKey(): string {
  const { privateKey } = generateKeyPairSync("ed25519");
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
