import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";

const module = new URL("./run-until-stopped.ts", import.meta.url);

/** A process of its own: signals and exit codes are what this is about. */
function run(start: string) {
  const script = `
    import { runUntilStopped } from ${JSON.stringify(module)};
    setInterval(() => {}, 1000);
    const print = (text) => process.stdout.write(text + "\\n");
    const service = { start: async () => { ${start} }, stop: async () => print("stopped") };
    await runUntilStopped(service, print);
    process.exit();
  `;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk;
  });
  return { child, printed: () => once(child.stdout, "data"), output: () => output };
}

describe("a service that runs until it is stopped", () => {
  it("is stopped in order by a signal", async () => {
    const { child, printed, output } = run('print("started");');
    await printed();
    const exit = once(child, "close");
    child.kill("SIGTERM");
    assert.deepEqual(await exit, [0, null]);
    assert.equal(output(), "started\nSIGTERM\nstopped\n");
  });

  it("is stopped in order by a terminal that goes away, however often it says so", async () => {
    const { child, printed, output } = run('print("started");');
    await printed();
    const exit = once(child, "close");
    child.kill("SIGHUP");
    child.kill("SIGHUP");
    assert.deepEqual(await exit, [0, null]);
    assert.equal(output(), "started\nSIGHUP\nstopped\n");
  });

  it("just ends when the signal comes while it is starting", async () => {
    const { child, printed, output } = run('print("starting"); await new Promise(() => {});');
    await printed();
    const exit = once(child, "close");
    child.kill("SIGTERM");
    assert.deepEqual(await exit, [0, null]);
    assert.equal(output(), "starting\n");
  });
});
