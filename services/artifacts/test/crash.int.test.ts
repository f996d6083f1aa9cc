import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, rm, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { StateError, UnavailableError } from "@tidemill/errors";
import { waitForServing } from "@tidemill/rpc";
import {
  eventually,
  freePort,
  startNats,
  startPostgres,
  type TestDatabase,
  type TestNats,
  type TestPostgres,
  tempDir,
  testDatabase,
} from "@tidemill/testing";
import { artifactsMigrations } from "../src/index.ts";
import { connect, newLogKey, putBlob, type TestClients } from "./helpers.ts";

const MIB = 1024 * 1024;

/** The service as a process of its own, which can be killed. */
describe("the artifacts process", () => {
  let postgres: TestPostgres;
  let nats: TestNats;
  let database: TestDatabase;
  let home: string;
  let child: ChildProcess;
  let clients: TestClients;
  let origin: string;

  before(async () => {
    postgres = await startPostgres({ own: true });
    nats = await startNats();
    database = await testDatabase(postgres, artifactsMigrations);
    home = tempDir("artifacts-process");
    await writeFile(join(home, "page-key"), randomBytes(32));
    await writeFile(join(home, "nats-token"), `${nats.token}\n`);
    await start();
  });
  after(async () => {
    clients.close();
    child.kill("SIGKILL");
    await database.drop();
    await postgres.stop();
    await nats.stop();
    await rm(home, { recursive: true, force: true });
  });

  async function start(): Promise<void> {
    const [httpPort, grpcPort] = [await freePort(), await freePort()];
    const main = new URL("../src/main.ts", import.meta.url).pathname;
    child = spawn(process.execPath, [main], {
      stdio: ["ignore", "ignore", "inherit"],
      env: {
        PATH: process.env.PATH,
        TIDEMILL_HOME: home,
        TIDEMILL_LOG_LEVEL: "warn",
        TIDEMILL_ARTIFACTS_HTTP_PORT: String(httpPort),
        TIDEMILL_ARTIFACTS_GRPC_PORT: String(grpcPort),
        TIDEMILL_POSTGRES_URL: database.url,
        TIDEMILL_NATS_URL: nats.url,
        TIDEMILL_NATS_TOKEN_FILE: join(home, "nats-token"),
        TIDEMILL_PAGE_TOKEN_KEY_FILE: join(home, "page-key"),
      },
    });
    await waitForServing(`127.0.0.1:${grpcPort}`);
    clients = connect(grpcPort);
    origin = `http://127.0.0.1:${httpPort}`;
  }

  async function killAndStart(): Promise<void> {
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
    clients.close();
    await start();
  }

  const temporary = () => readdir(join(home, "artifacts", "tmp"));

  it("keeps what it acknowledged and sweeps the rest when it is killed during an upload", async () => {
    const kept = randomBytes(5 * MIB);
    const { digest } = await putBlob(origin, kept);
    const target = new URL("/v1/blobs", origin);
    const headers = { "content-length": 64 * MIB };
    const upload = httpRequest(target, { method: "POST", headers });
    const broken = once(upload, "error");
    upload.write(randomBytes(20 * MIB));
    await eventually(async () => (await temporary()).length === 1);
    await killAndStart();
    await broken;
    assert.deepEqual(await temporary(), []);
    const got = await fetch(`${origin}/v1/blobs/${digest}`);
    const bytes = Buffer.from(await got.arrayBuffer());
    assert.equal(createHash("sha256").update(bytes).digest("hex"), digest);
  });

  it("loses no acknowledged byte of a log when it is killed between appends", async () => {
    const key = newLogKey();
    let acknowledged = 0;
    const line = (index: number) => Buffer.from(`line ${String(index).padStart(8, "0")}\n`);
    const appending = (async () => {
      for (let index = 0; ; index += 1) {
        const offset = BigInt(acknowledged);
        await clients.logs.appendLog({ key, offset, data: line(index) }, { timeoutMs: 1_000 });
        acknowledged += line(index).length;
      }
    })().catch(() => undefined);
    await eventually(() => acknowledged > 50 * line(0).length);
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
    await appending;
    clients.close();
    await start();
    let found = "";
    for await (const part of clients.logs.readLog({ key })) {
      found += Buffer.from(part.data).toString();
    }
    assert.ok(found.length >= acknowledged, `${found.length} bytes of ${acknowledged}`);
    const lines = Array.from({ length: acknowledged / line(0).length }, (_, index) => line(index));
    assert.equal(found.slice(0, acknowledged), lines.join(""));
    const { log } = await clients.logs.sealLog({ key, sizeBytes: BigInt(found.length) });
    assert.equal(log?.sealed, true);
    await killAndStart();
    const again = await clients.logs.sealLog({ key, sizeBytes: BigInt(found.length) });
    assert.deepEqual(again.log, log);
  });

  it("answers UNAVAILABLE while the database is away, and goes on by itself", async () => {
    const key = newLogKey();
    await clients.logs.appendLog({ key, offset: 0n, data: Buffer.from("first ") });
    const { digest } = await putBlob(origin, randomBytes(1000));
    await postgres.kill9();
    const refused = await fetch(`${origin}/v1/blobs/${digest}`);
    assert.equal(refused.status, 503);
    await assert.rejects(
      clients.artifacts.createArtifact({ name: "x" }, { timeoutMs: 3_000 }),
      UnavailableError,
    );
    const { sizeBytes } = await clients.logs.appendLog({
      key,
      offset: 6n,
      data: Buffer.from("second"),
    });
    assert.equal(sizeBytes, 12n, "a log that has begun goes on without the database");
    await postgres.restart();
    const got = await eventually(async () => {
      const response = await fetch(`${origin}/v1/blobs/${digest}`);
      return response.ok ? response : undefined;
    });
    assert.equal((await got.arrayBuffer()).byteLength, 1000);
    await clients.artifacts.createArtifact({ name: "x" });
    assert.equal(child.exitCode, null);
  });

  it("refuses to seal what is not there, whatever has happened before", async () => {
    const sealed = clients.logs.sealLog({ key: newLogKey(), sizeBytes: 5n });
    await assert.rejects(sealed, StateError);
  });

  it("stops in order at SIGTERM", async () => {
    const exited = once(child, "exit");
    child.kill("SIGTERM");
    assert.deepEqual(await exited, [0, null]);
    clients.close();
    await start();
  });
});
