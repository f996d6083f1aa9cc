import assert from "node:assert/strict";
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { databaseServices } from "@tidemill/mesh/home";
import { type Database, statement } from "@tidemill/postgres";
import { eventually, tempDir } from "@tidemill/testing";
import { findProcesses } from "../src/find-processes.ts";
import { pipelines, printed, submit } from "../src/journeys.ts";
import { root } from "../src/root.ts";
import { type Json, startTestMesh, type TestMesh } from "../src/test-mesh.ts";
import { dumpDatabase } from "./dump-database.ts";
import { withHomeDatabases } from "./home-databases.ts";
import {
  ARTIFACTS,
  DATABASES,
  type HomeRecord,
  homesDirectory,
  RECORD_FILE,
  VERSION_FILE,
} from "./home-fixture.ts";

/**
 * `node e2e/homes/make-home.ts`, by hand, at a release: makes the home of this version that all
 * later ones have to open (README.md here). A home that is there is never written again.
 */
const RUN_TIMEOUT_MS = 120_000;
const GONE_TIMEOUT_MS = 10_000;
/** Long enough to be killed in the middle of, however slow the machine. */
const PAUSE_SECONDS = 8;

const selectStates = statement<{ states: Json }>(
  "home_task_states",
  "select json_object_agg(path, state) as states from tasks where run_id = $1 and path <> ''",
);

type EndedRun = HomeRecord["ended"][number];

const { version: release }: { version: string } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8"),
);
const folder = join(homesDirectory, release);
if (existsSync(folder)) {
  process.stderr.write(`${folder} is there already: a released home is never changed\n`);
  process.exit(1);
}
const mesh = await startTestMesh();
const record = await makeRuns(mesh);
await killEverything(mesh);
await writeFixture(mesh, record);
process.stdout.write(`wrote ${folder}\n`);

async function makeRuns(mesh: TestMesh): Promise<HomeRecord> {
  await mesh.json(["pipeline", "upload", pipelines.chain, "--name", "tides", "--version", "v1"]);
  const words = join(tempDir("params"), "params.json");
  writeFileSync(words, JSON.stringify({ words: ["spring", "neap"] }));
  const chain = await mesh.json(["run", "submit", "--pipeline", "tides", "--params", words]);
  const broken = await submit(mesh, pipelines.halfBroken, { code: 7 });
  const canceled = await submit(mesh, pipelines.slow, { seconds: 120, marker: "canceled" });
  await printed(mesh, canceled, "count", /line 1/);
  await mesh.json(["run", "terminate", canceled]);
  const elsewhere = ["--namespace", "team-a"];
  const squares = await mesh.json([...elsewhere, "run", "submit", pipelines.sumOfSquares]);
  const ended = [
    await endedRun(mesh, "default", chain.id, "SUCCEEDED"),
    await endedRun(mesh, "default", broken, "FAILED"),
    await endedRun(mesh, "default", canceled, "CANCELED"),
    await endedRun(mesh, "team-a", squares.id, "SUCCEEDED"),
  ];
  const inFlight = await mesh.json(
    ["run", "submit", pipelines.chain, "--name", "in flight"].concat([
      ...["-p", `seconds=${PAUSE_SECONDS}`],
    ]),
  );
  await printed(mesh, inFlight.id, "pause", /second 0/);
  return {
    release,
    ended,
    inFlight: { id: inFlight.id, name: inFlight.name, outputs: { Output: "ebb flow 20" } },
    pipelines: ["tides"],
  };
}

async function endedRun(
  mesh: TestMesh,
  namespace: string,
  id: string,
  state: string,
): Promise<EndedRun> {
  const within = ["--namespace", namespace];
  const document = await eventually(
    async () => {
      const found = await mesh.json([...within, "run", "get", id]);
      return found.run.state === `RUN_STATE_${state}` ? found : undefined;
    },
    { timeoutMs: RUN_TIMEOUT_MS },
  );
  const logs = await mesh.cli([...within, "run", "logs", id]);
  assert.equal(logs.exitCode, 0, logs.stderr);
  const artifactTexts: Record<string, string> = {};
  for (const artifact of document.artifacts) {
    if (artifact.blobDigest === undefined) continue;
    const target = join(tempDir("artifact"), "bytes");
    await mesh.json([...within, "artifact", "get", artifact.id, "--output", target]);
    artifactTexts[artifact.id] = readFileSync(target, "utf8");
  }
  return { namespace, document, logs: logs.stdout, artifactTexts };
}

/** As when the machine goes down: nothing is stopped in order. */
async function killEverything(mesh: TestMesh): Promise<void> {
  const { supervisor } = mesh.pids();
  assert.ok(supervisor, "no supervisor is recorded");
  process.kill(supervisor, "SIGKILL");
  await eventually(() => findProcesses(`TIDEMILL_HOME=${mesh.home}`).length === 0, {
    timeoutMs: GONE_TIMEOUT_MS,
  });
}

async function writeFixture(mesh: TestMesh, record: HomeRecord): Promise<void> {
  const draft = join(tempDir("draft"), release);
  mkdirSync(join(draft, DATABASES), { recursive: true });
  await withHomeDatabases(mesh.home, databaseServices, async (service, database) => {
    if (service === "orchestrator") await requireInFlight(database, record.inFlight.id);
    writeFileSync(join(draft, DATABASES, `${service}.sql`), await dumpDatabase(database));
  });
  for (const name of [VERSION_FILE, `${ARTIFACTS}/blobs`, `${ARTIFACTS}/logs`]) {
    cpSync(join(mesh.home, name), join(draft, name), { recursive: true });
  }
  const text = JSON.stringify(record, undefined, 2);
  writeFileSync(join(draft, RECORD_FILE), `${text}\n`);
  cpSync(draft, folder, { recursive: true });
}

async function requireInFlight(database: Database, runId: string): Promise<void> {
  const { rows } = await database.query(selectStates, [runId]);
  assert.deepEqual(rows[0]?.states, { begin: "succeeded", pause: "running", finish: "pending" });
}
