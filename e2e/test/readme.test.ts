import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, tempHome } from "@tidemill/testing";
import { findProcesses } from "../src/find-processes.ts";
import { arePortsFree, freePortOffset } from "../src/free-port-offset.ts";
import { root } from "../src/root.ts";
import { runCommand } from "../src/run-command.ts";
import { lendTools } from "../src/test-mesh.ts";

const START = "npm start";
/** What this very test is part of. */
const ALREADY_RUNNING = "npm test";
const DEMO_TIMEOUT_MS = 150_000;

interface Block {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

function shellBlocks(file: string): Block[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => ({
    file,
    line: text.slice(0, match.index).split("\n").length + 1,
    text: match[1] ?? "",
  }));
}

function documents(): string[] {
  const examples = readdirSync(join(root, "examples")).map((name) => `examples/${name}/README.md`);
  return ["README.md", ...examples].filter((path) => existsSync(join(root, path)));
}

const blocks = documents()
  .flatMap(shellBlocks)
  .filter(({ text }) => text.trim() !== START && text.trim() !== ALREADY_RUNNING);

/** As printed, unless something holds a port of the mesh already: then all of them are moved. */
const offset = (await arePortsFree(0)) ? 0 : await freePortOffset();
const startArguments = offset === 0 ? [] : ["--", "--port-offset", String(offset)];
const moved = (text: string) =>
  text.replaceAll(/(?<=127\.0\.0\.1:)\d+/g, (port) => String(Number(port) + offset));

describe("every command block of the READMEs, as printed", () => {
  const home = tempHome("readme");
  const env = { TIDEMILL_HOME: home };
  let started: ChildProcess;
  let output = "";

  before(async () => {
    await lendTools(home);
    // A process group of its own, as a terminal gives to what is typed: Ctrl-C reaches all of it.
    started = spawn("npm", ["start", ...startArguments], {
      cwd: root,
      detached: true,
      env: { ...process.env, ...env, NODE_TEST_CONTEXT: undefined },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [started.stdout, started.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    await eventually(
      () => {
        assert.equal(started.exitCode, null, output);
        return /Ctrl-C stops it/.test(output);
      },
      { timeoutMs: DEMO_TIMEOUT_MS },
    );
  });
  after(() => {
    const hasEnded = started.exitCode !== null || started.signalCode !== null;
    if (!hasEnded && started.pid !== undefined) process.kill(-started.pid, "SIGKILL");
  });

  it("npm start shows the demo, its results and three commands, which work", async () => {
    assert.match(output, /✓ evaluate {2}succeeded .* accuracy 0\.974: good enough/);
    const commands = output.match(/^ {2}npx tidemill .*$/gm) ?? [];
    assert.equal(commands.length, 3);
    for (const command of commands) await succeed(command.trim());
  });

  for (const { file, line, text } of blocks) {
    it(`${file}:${line}: ${text.trim().split("\n")[0]}`, () => succeed(moved(text)));
  }

  it("Ctrl-C ends npm start and everything it started", async () => {
    assert.ok(started.pid);
    process.kill(-started.pid, "SIGINT");
    // npm ends by the signal itself; what it started has an exit code of its own (mesh.test.ts).
    await eventually(() => started.exitCode !== null || started.signalCode !== null, {
      timeoutMs: 30_000,
    });
    await eventually(() => findProcesses(`TIDEMILL_HOME=${home}`).length === 0, {
      timeoutMs: 10_000,
    });
    assert.match(output, /stopping\n$/);
  });

  async function succeed(script: string): Promise<void> {
    const result = await runCommand(["bash", "-euo", "pipefail", "-c", script], { env });
    assert.equal(result.exitCode, 0, `${result.stdout}\n${result.stderr}`);
  }
});
