import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { LogKey } from "../domain/log.ts";
import { blobLayout } from "./blob-layout.ts";
import { DurableDirectories } from "./durable-files.ts";
import { OpenLogs } from "./open-logs.ts";

const LOGS = 400;

function keyOf(index: number): LogKey {
  const runId = "01890a5d-ac96-774b-bcce-b302099a8057";
  return { namespace: "default", runId, taskId: `t${index}`, attempt: 1, stream: "stdout" };
}

describe("open logs", () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "tidemill-open-logs-"));
  });
  after(() => rm(directory, { recursive: true }));

  function openLogs(find: (key: LogKey) => Promise<undefined> = async () => undefined): OpenLogs {
    const layout = blobLayout(directory);
    const directories = new DurableDirectories(directory);
    return new OpenLogs({ layout, directories, sizeBytesMax: 1000, find });
  }

  it("are one object for all who use a log at the same time", async () => {
    const logs = openLogs();
    const [first, second] = await Promise.all([logs.lend(keyOf(1)), logs.lend(keyOf(1))]);
    assert.equal(first.log, second.log);
    first.dispose();
    second.dispose();
    await logs.stop();
  });

  it("keep a bounded number of files open, however many logs there are", async () => {
    const logs = openLogs();
    for (let index = 0; index < LOGS; index += 1) {
      await logs.use(keyOf(index), async ({ file }) => {
        await file.durable(await file.exclusive(() => file.write(0, Buffer.from("x"))));
      });
    }
    const open = (await readdir("/proc/self/fd").catch(() => [])).length;
    assert.ok(open < LOGS, `${open} descriptors`);
    assert.equal(await logs.sizeOf(keyOf(0)), 1);
    assert.equal(await logs.sizeOf(keyOf(LOGS - 1)), 1);
    assert.equal(await logs.sizeOf(keyOf(LOGS)), 0);
    await logs.stop();
  });

  it("are asked for again when the database could not tell", async () => {
    let failures = 1;
    const logs = openLogs(async () => {
      if (failures-- > 0) throw new Error("away");
      return undefined;
    });
    await assert.rejects(logs.lend(keyOf(2)), /away/);
    const { dispose } = await logs.lend(keyOf(2));
    dispose();
    await logs.stop();
  });
});
