import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { portsAt } from "@tidemill/config";
import { eventually, tempDir } from "@tidemill/testing";
import pg from "pg";
import { canEnter } from "../src/servers/postgres-user.ts";
import { runPlan } from "../src/servers/process-plan.ts";
import { doctor } from "../src/supervisor/doctor.ts";
import type { Mesh } from "../src/supervisor/mesh.ts";
import { meshStatus } from "../src/supervisor/mesh-status.ts";
import { type StartMeshOptions, startMesh } from "../src/supervisor/start-mesh.ts";
import { stopMesh } from "../src/supervisor/stop-mesh.ts";
import { fakeMesh, processesOf } from "./mesh-fixture.ts";

const END_MS_MAX = 5000;
const TIMEOUT_MS = 120_000;

async function connectAs(service: string, options: StartMeshOptions): Promise<pg.Client> {
  const password = readFileSync(join(options.home, "credentials", `postgres-${service}`), "utf8");
  const name = `tidemill_${service}`;
  const client = new pg.Client({
    host: "127.0.0.1",
    port: portsAt(options.portOffset).postgres,
    user: name,
    database: name,
    password,
  });
  client.on("error", () => {});
  await client.connect();
  return client;
}

describe("startMesh", { timeout: TIMEOUT_MS }, () => {
  let options: StartMeshOptions;
  let mesh: Mesh;
  before(async () => {
    options = await fakeMesh();
    mesh = await startMesh({
      ...options,
      env: { ...options.env, MY_SECRET: "x", HTTP_PROXY: "http://127.0.0.1:9" },
    });
  });
  after(() => mesh.stop());

  it("reports everything as serving", async () => {
    const status = await meshStatus(options.home);
    assert.equal(status.state, "up");
  });

  it("keeps the home and its secrets private", () => {
    const modeOf = (path: string) => (statSync(join(options.home, path)).mode & 0o777).toString(8);
    assert.equal(modeOf("."), "700");
    for (const name of ["postgres-superuser", "nats-token", "worker-token", "mesh-key.pem"]) {
      assert.equal(modeOf(join("credentials", name)), "600");
    }
    assert.equal(modeOf("nats/nats-server.conf"), "600");
  });

  it("gives each service a role and a database of its own", async () => {
    const client = await connectAs("orchestrator", options);
    await client.query("create table t (n int)");
    await client.end();
    const superuser = readFileSync(join(options.home, "credentials/postgres-superuser"), "utf8");
    assert.notEqual(superuser, readFileSync(join(options.home, "credentials/nats-token"), "utf8"));
    const stranger = new pg.Client({
      host: "127.0.0.1",
      port: portsAt(options.portOffset).postgres,
      user: "tidemill_artifacts",
      database: "tidemill_orchestrator",
      password: readFileSync(join(options.home, "credentials/postgres-artifacts"), "utf8"),
    });
    await assert.rejects(stranger.connect(), /permission denied for database/);
  });

  it("tells services what they need and none of the user's secrets", () => {
    const [line = ""] = readFileSync(join(options.home, "logs/orchestrator.log"), "utf8").split(
      "\n",
    );
    const { env }: { env: Record<string, string> } = JSON.parse(line);
    assert.equal(env.TIDEMILL_HOME, options.home);
    assert.equal(env.MY_SECRET, undefined);
    assert.equal(env.HTTP_PROXY, undefined);
    const [first = ""] = readFileSync(join(options.home, "logs/worker.log"), "utf8").split("\n");
    const worker: { env: Record<string, string> } = JSON.parse(first);
    assert.equal(worker.env.HTTP_PROXY, "http://127.0.0.1:9");
    assert.equal(worker.env.MY_SECRET, undefined);
  });

  it("carries the home in the environment of every process", () => {
    const pids = processesOf(options.home);
    for (const { pid } of Object.values(mesh.record.processes)) assert.ok(pids.includes(pid ?? 0));
  });

  for (const name of ["orchestrator", "postgres", "nats"] as const) {
    it(`starts ${name} again when it is killed`, async () => {
      const pid = mesh.record.processes[name]?.pid ?? 0;
      process.kill(pid, "SIGKILL");
      await eventually(() => {
        const now = mesh.record.processes[name];
        return now?.pid !== pid && now?.state === "serving";
      });
      assert.equal(mesh.record.processes[name]?.restarts, 1);
    });
  }

  it("refuses a second start on the same home and names the first's process", async () => {
    await assert.rejects(startMesh(options), {
      reason: "HOME_IN_USE",
      message: new RegExp(`already, as process ${process.pid}: .*tidemill down`),
    });
  });

  it("finds nothing bad", async () => {
    const findings = await doctor(options);
    assert.deepEqual(
      findings.filter(({ outcome }) => outcome === "bad"),
      [],
    );
  });
});

describe("a start that cannot be", { timeout: TIMEOUT_MS }, () => {
  it("names who holds a port, and the first free offset", async () => {
    const options = await fakeMesh();
    const server = createServer();
    const { orchestratorHttp } = portsAt(options.portOffset);
    await new Promise<void>((resolve) =>
      server.listen(orchestratorHttp, "127.0.0.1", () => resolve()),
    );
    await assert.rejects(startMesh(options), {
      reason: "PORT_TAKEN",
      message: new RegExp(
        `port ${orchestratorHttp} \\(orchestratorHttp\\) is taken by process ${process.pid} ` +
          `\\(.*node.*\\): .*npx tidemill up --port-offset ${options.portOffset + 100}`,
      ),
    });
    server.close();
    assert.deepEqual(processesOf(options.home), []);
  });

  it("refuses a home that a newer release made", async () => {
    const options = await fakeMesh();
    mkdirSync(options.home);
    const version = { layout: 99, postgresMajor: 18 };
    writeFileSync(join(options.home, "version.json"), JSON.stringify(version));
    await assert.rejects(startMesh(options), { reason: "HOME_NEWER" });
  });

  it("refuses a directory that holds something else, and leaves it alone", async () => {
    const home = tempDir("full");
    writeFileSync(join(home, "thesis.tex"), "");
    const mode = statSync(home).mode;
    await assert.rejects(startMesh(await fakeMesh(home)), {
      reason: "BAD_HOME",
      message: /is not empty \(it holds "thesis.tex"\)/,
    });
    assert.equal(statSync(home).mode, mode);
  });

  it("names a home that cannot be written", async (t) => {
    const stranger = { name: "nobody", uid: 65_534, gid: 65_534 };
    const user = process.getuid?.() === 0 ? stranger : undefined;
    const module = fileURLToPath(new URL("../src/home/open-home.ts", import.meta.url));
    if (!canEnter(process.execPath, user) || !canEnter(dirname(module), user)) {
      return t.skip("this clone cannot be entered by the user nobody, and root may write anywhere");
    }
    const home = join(tempDir("closed"), "parent", "home");
    mkdirSync(dirname(home), { mode: 0o555 });
    const script = `import { openHome } from ${JSON.stringify(module)};
      await openHome(${JSON.stringify(home)}, { postgresMajor: 18 })`;
    const { code, stderr } = await runPlan({
      name: "open-home",
      argv: [process.execPath, "--input-type=module", "--eval", script],
      env: {},
      cwd: "/",
      ...(user === undefined ? {} : { user }),
    });
    assert.equal(code, 1);
    assert.match(stderr, /the home .* cannot be written \(EACCES.*--home or TIDEMILL_HOME/);
  });

  it("says why a service did not start, and leaves nothing running", async () => {
    const options = await fakeMesh();
    const broken = join(tempDir("broken"), "main.ts");
    writeFileSync(broken, 'throw new Error("no luck");\n');
    const entries = options.entries ?? { artifacts: "", orchestrator: "", worker: "" };
    await assert.rejects(startMesh({ ...options, entries: { ...entries, artifacts: broken } }), {
      reason: "PROCESS_FAILED",
      message: /artifacts did not start \(exit code 1\).*no luck.*artifacts\.log/s,
    });
    assert.deepEqual(processesOf(options.home), []);
  });

  it("says it in the words of the service, without the line of its log", async () => {
    const options = await fakeMesh();
    const broken = join(tempDir("broken"), "main.ts");
    const entry = { level: "error", error: { stack: "Error\n  at x" }, message: 'no "luck"' };
    const line = JSON.stringify(entry);
    writeFileSync(broken, `console.log(${JSON.stringify(line)}); process.exitCode = 1;\n`);
    const entries = options.entries ?? { artifacts: "", orchestrator: "", worker: "" };
    const log = join(options.home, "logs", "orchestrator.log");
    await assert.rejects(startMesh({ ...options, entries: { ...entries, orchestrator: broken } }), {
      reason: "PROCESS_FAILED",
      message: `orchestrator did not start (exit code 1): no "luck"\n  all it wrote is in ${log}`,
    });
  });
});

describe("a supervisor of its own", { timeout: TIMEOUT_MS }, () => {
  const up = fileURLToPath(new URL("fixtures/up.ts", import.meta.url));
  let options: StartMeshOptions;
  before(async () => {
    options = await fakeMesh();
  });

  async function start(): Promise<ChildProcess> {
    const child = spawn(process.execPath, [up, JSON.stringify(options)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise<void>((resolve, reject) => {
      child.stdout?.once("data", () => resolve());
      child.once("exit", (code) => reject(new Error(`the supervisor ended with ${code}`)));
    });
    return child;
  }

  it("leaves nothing when it is killed, and the next start has all that was committed", async (t) => {
    const first = await start();
    const client = await connectAs("artifacts", options);
    await client.query("create table kept as select 7 as n");
    const killedMs = performance.now();
    first.kill("SIGKILL");
    await eventually(() => processesOf(options.home).length === 0, { timeoutMs: END_MS_MAX });
    t.diagnostic(`gone after ${Math.round(performance.now() - killedMs)} ms`);
    assert.equal((await meshStatus(options.home)).state, "crashed");
    const startMs = performance.now();
    const second = await start();
    t.diagnostic(`serving again after ${Math.round(performance.now() - startMs)} ms`);
    const again = await connectAs("artifacts", options);
    assert.deepEqual((await again.query("select n from kept")).rows, [{ n: 7 }]);
    await again.end();
    const exit = new Promise((resolve) => second.once("exit", resolve));
    assert.equal(await stopMesh(options.home), "stopped");
    assert.equal(await exit, 0);
    assert.equal((await meshStatus(options.home)).state, "down");
    assert.deepEqual(processesOf(options.home), []);
  });

  it("starts at once after a kill, waiting for what still ends", async () => {
    const first = await start();
    first.kill("SIGKILL");
    const second = await start();
    const exit = new Promise((resolve) => second.once("exit", resolve));
    second.kill("SIGTERM");
    assert.equal(await exit, 0);
  });

  it("ends everything and itself when the reaper is killed", async () => {
    const child = await start();
    const [reaper] = processesOf(options.home).filter((pid) =>
      readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("reaper.py"),
    );
    process.kill(reaper ?? 0, "SIGKILL");
    await eventually(() => processesOf(options.home).length === 0, { timeoutMs: END_MS_MAX });
    const exit = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await exit;
  });
});
