import assert from "node:assert/strict";
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type AppendLogRequestSchema,
  AppendLogResponseSchema,
  type SealLogRequestSchema,
  SealLogResponseSchema,
} from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { silentLogger } from "@tidemill/telemetry";
import { eventually, tempDir } from "@tidemill/testing";
import { LogShipper } from "./log-shipper.ts";
import { watchDirectory } from "./watch-directory.ts";

/** A log store that keeps what it is sent, by stream. */
function shipperOf(directory: string) {
  const texts = new Map<string, string>();
  const sealed = new Map<string, number>();
  const client = {
    async appendLog({ key, data }: MessageInitShape<typeof AppendLogRequestSchema>) {
      const stream = key?.stream ?? "";
      texts.set(stream, (texts.get(stream) ?? "") + Buffer.from(data ?? []).toString());
      return create(AppendLogResponseSchema);
    },
    async sealLog({ key, sizeBytes }: MessageInitShape<typeof SealLogRequestSchema>) {
      sealed.set(key?.stream ?? "", Number(sizeBytes));
      return create(SealLogResponseSchema);
    },
  };
  const shipper = new LogShipper({
    client,
    directory,
    namespace: "default",
    runId: "run",
    taskId: "task",
    attempt: 1,
    log: silentLogger,
    signal: new AbortController().signal,
    isBusy: () => false,
  });
  return { shipper, texts, sealed };
}

describe("the log of an attempt", () => {
  it("is shipped as it grows, and sealed at its end", async () => {
    const directory = tempDir("logs");
    const { shipper, texts, sealed } = shipperOf(directory);
    appendFileSync(join(directory, "stdout"), "one\n");
    await eventually(() => texts.get("stdout") === "one\n");
    appendFileSync(join(directory, "stdout"), "two\n");
    shipper.remark("a remark");
    await shipper.finish();
    assert.equal(texts.get("stdout"), "one\ntwo\n");
    assert.equal(texts.get("system"), "a remark\n");
    assert.deepEqual([...sealed].sort(), [
      ["stderr", 0],
      ["stdout", 8],
      ["system", 9],
    ]);
  });

  it("costs neither the attempt nor the worker when it cannot be written or read", async () => {
    const directory = tempDir("logs");
    const { shipper, texts, sealed } = shipperOf(directory);
    for (const stream of ["stdout", "system"]) mkdirSync(join(directory, stream));
    appendFileSync(join(directory, "stderr"), "why\n");
    shipper.remark("a remark");
    await eventually(() => texts.get("stderr") === "why\n");
    await shipper.finish();
    assert.equal(sealed.get("stderr"), 4);
  });

  it("is looked at now and then where the system has no watches left", async () => {
    let looks = 0;
    const watching = watchDirectory(join(tempDir("logs"), "missing"), () => {
      looks += 1;
    });
    await eventually(() => looks >= 2);
    watching.close();
  });
});
