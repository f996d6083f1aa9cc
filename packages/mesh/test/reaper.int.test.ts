import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, python, tempDir } from "@tidemill/testing";
import { createReaper, type Reaper, reaperScript } from "../src/reaper/reaper.ts";

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}`, import.meta.url));
const env = { PATH: process.env.PATH ?? "" };
const END_MS_MAX = 5000;
const TIMEOUT_MS = 60_000;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie nobody collected is no living process.
    return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    return false;
  }
}

function readPid(path: string): Promise<number> {
  return eventually(() => (existsSync(path) ? Number(readFileSync(path, "utf8")) : undefined));
}

async function goneWithin(pids: readonly number[], limitMs: number): Promise<void> {
  await eventually(() => pids.every((pid) => !isAlive(pid)), { timeoutMs: limitMs, pollMs: 10 });
}

describe("reaper", { timeout: TIMEOUT_MS }, () => {
  let interpreter: string;
  before(async () => {
    interpreter = await python();
  });

  describe("of a supervisor", () => {
    let reaper: Reaper;
    const directory = tempDir("reaper");
    before(async () => {
      reaper = createReaper({ python: interpreter, env, onLost: () => {} });
      await reaper.start();
    });
    after(() => reaper.stop());

    const start = (name: string, argv: string[], sweep = false) =>
      reaper.spawn({ name, argv, env, cwd: directory }, { log: join(directory, name), sweep });

    it("reports code, signal and last output", async () => {
      const failed = await start("failed", ["/bin/sh", "-c", "echo why >&2; exit 3"]);
      const { code, signal, tail } = await failed.exit;
      assert.deepEqual({ code, signal, tail }, { code: 3, signal: null, tail: "why\n" });
      const killed = await start("killed", ["/bin/sleep", "600"]);
      reaper.signal("killed", "KILL");
      assert.equal((await killed.exit).signal, "SIGKILL");
      assert.ok(killed.ended.aborted);
    });

    it("names a command that cannot be executed", async () => {
      await assert.rejects(start("missing", ["/no/such/command"]), {
        reason: "SPAWN_FAILED",
        message: /could not start missing: .*No such file/,
      });
    });

    it("keeps nothing open of a command that cannot be executed", async () => {
      const openFiles = () => readdirSync(`/proc/${reaper.pid}/fd`).length;
      const before = openFiles();
      for (let tries = 0; tries < 3; tries++) {
        await assert.rejects(start("missing", ["/no/such/command"]));
      }
      assert.equal(openFiles(), before);
    });

    it("keeps logs apart when one of them cannot be rotated", async () => {
      const log = join(directory, "gone", "chatty");
      mkdirSync(join(directory, "gone"));
      const go = join(directory, "go");
      assert.equal((await makeFifo(go)).status, 0);
      const script = `rm -r gone; head -c 9000000 /dev/zero; echo full > full; read -r _ < go; echo more`;
      const chatty = await reaper.spawn(
        { name: "chatty-in-vain", argv: ["/bin/sh", "-c", script], env, cwd: directory },
        { log },
      );
      await eventually(() => existsSync(join(directory, "full")));
      const quiet = await start("quiet", ["/bin/sh", "-c", "echo quiet; exec sleep 600"]);
      await eventually(() => readFileSync(join(directory, "quiet"), "utf8") !== "");
      writeFileSync(go, "\n");
      assert.match((await chatty.exit).tail, /more\n$/);
      assert.equal(readFileSync(join(directory, "quiet"), "utf8"), "quiet\n");
      assert.equal(isAlive(quiet.pid), true);
    });

    it("kills what a worker orphaned, and nothing else, when the worker dies", async () => {
      const other = await start("other", ["/bin/sleep", "600"]);
      const path = join(directory, "orphan.pid");
      const worker = await start("worker", [interpreter, fixture("daemonize.py"), path], true);
      const orphan = await readPid(path);
      process.kill(worker.pid, "SIGKILL");
      await worker.exit;
      assert.equal(isAlive(orphan), false);
      assert.equal(isAlive(other.pid), true);
    });

    it("starts a new log file when one is full and keeps four old ones", async () => {
      const log = join(directory, "chatty");
      const write = `
import sys
for n in range(56):
    sys.stdout.write("x" * (1 << 20))`;
      const chatty = await reaper.spawn(
        { name: "chatty", argv: [interpreter, "-c", write], env, cwd: directory },
        { log },
      );
      await chatty.exit;
      const files = readdirSync(directory).filter((name) => name.startsWith("chatty"));
      assert.deepEqual(files.sort(), ["chatty", "chatty.1", "chatty.2", "chatty.3", "chatty.4"]);
    });
  });

  it("leaves nothing behind when the supervisor is killed, daemons included", async (t) => {
    const directory = tempDir("reaper");
    const path = join(directory, "daemon.pid");
    const supervisor = spawn(process.execPath, [
      fixture("supervise.ts"),
      interpreter,
      directory,
      interpreter,
      fixture("daemonize.py"),
      path,
    ]);
    const reaperPid = await firstLine(supervisor);
    const daemon = await readPid(path);
    const start = performance.now();
    supervisor.kill("SIGKILL");
    await goneWithin([daemon, reaperPid], END_MS_MAX);
    t.diagnostic(`gone after ${Math.round(performance.now() - start)} ms`);
  });

  it("ends a process that ignores TERM within the limit, too", async (t) => {
    const directory = tempDir("reaper");
    const path = join(directory, "stubborn.pid");
    const script = `trap "" TERM INT; echo $$ > ${path}.p; mv ${path}.p ${path}; while :; do sleep 1; done`;
    const supervisor = spawn(process.execPath, [
      fixture("supervise.ts"),
      interpreter,
      directory,
      "/bin/sh",
      "-c",
      script,
    ]);
    const reaperPid = await firstLine(supervisor);
    const stubborn = await readPid(path);
    const start = performance.now();
    supervisor.kill("SIGKILL");
    await goneWithin([stubborn, reaperPid], END_MS_MAX);
    t.diagnostic(`gone after ${Math.round(performance.now() - start)} ms`);
  });

  describe("of a worker alone", () => {
    const startAlone = (argv: string[]) =>
      spawn(interpreter, ["-I", "-S", reaperScript, "--alone", "--", ...argv], {
        stdio: ["pipe", "pipe", "inherit"],
      });
    const exitOf = (child: ChildProcess) =>
      new Promise<number | null>((resolve) => child.once("exit", resolve));

    it("exits as the worker did and kills what it left", async () => {
      const path = join(tempDir("alone"), "daemon.pid");
      const script = `${interpreter} ${fixture("daemonize.py")} ${path} & read -r _ < ${path}.go; exit 7`;
      const { status } = await makeFifo(`${path}.go`);
      assert.equal(status, 0);
      const alone = startAlone(["/bin/sh", "-c", script]);
      const exit = exitOf(alone);
      const daemon = await readPid(path);
      writeFileSync(`${path}.go`, "\n");
      assert.equal(await exit, 7);
      assert.equal(isAlive(daemon), false);
    });

    it("forwards TERM", async () => {
      const script = 'trap "exit 5" TERM; echo up; while :; do sleep 0.05; done';
      const alone = startAlone(["/bin/sh", "-c", script]);
      const exit = exitOf(alone);
      await firstLine(alone);
      alone.kill("SIGTERM");
      assert.equal(await exit, 5);
    });

    it("ends everything when the pipe from whoever started it closes", async () => {
      const path = join(tempDir("alone"), "daemon.pid");
      const alone = startAlone([interpreter, fixture("daemonize.py"), path]);
      const exit = exitOf(alone);
      const daemon = await readPid(path);
      alone.stdin?.end();
      await goneWithin([daemon], END_MS_MAX);
      await exit;
    });
  });
});

function firstLine(child: ChildProcess): Promise<number> {
  return new Promise((resolve) =>
    child.stdout?.once("data", (data: Buffer) => resolve(Number.parseInt(data.toString(), 10))),
  );
}

function makeFifo(path: string): Promise<{ status: number | null }> {
  const child = spawn("mkfifo", [path]);
  return new Promise((resolve) => child.once("exit", (status) => resolve({ status })));
}
