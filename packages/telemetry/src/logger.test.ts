import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { NotFoundError } from "@tidemill/errors";
import { createLogger } from "./logger.ts";
import { runInScope, withLogFields } from "./scope.ts";

function loggerTo(lines: string[], level: "debug" | "info" = "info") {
  return createLogger({ service: "s", level, destination: { write: (line) => lines.push(line) } });
}

function only(lines: readonly string[]): Record<string, unknown> {
  assert.equal(lines.length, 1);
  return JSON.parse(lines[0] ?? "");
}

describe("a log line", () => {
  it("is one line of JSON with time, level, service and message", () => {
    const lines: string[] = [];
    loggerTo(lines).info("up\nand running", { port: 1 });
    const { time, ...rest } = only(lines);
    assert.match(String(time), /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.deepEqual(rest, { level: "info", service: "s", message: "up\nand running", port: 1 });
    assert.match(lines[0] ?? "", /^[^\n]+\n$/);
  });

  it("carries the fields of the scope it is written in, however deep", async () => {
    const lines: string[] = [];
    const log = loggerTo(lines);
    await runInScope({ fields: { request_id: "r" } }, async () => {
      await Promise.resolve();
      withLogFields({ run_id: "q" }, () => log.child({ task_id: "t" }).warn("slow"));
    });
    const { request_id, run_id, task_id, level } = only(lines);
    assert.deepEqual([request_id, run_id, task_id, level], ["r", "q", "t", "warn"]);
  });

  it("shows an error with its reason and its causes", () => {
    const lines: string[] = [];
    const error = new NotFoundError("run", "x", { cause: new TypeError("inner") });
    loggerTo(lines).error("failed", { error });
    const shown = only(lines).error as Record<string, unknown>;
    assert.equal(shown.reason, "NOT_FOUND");
    assert.equal((shown.cause as Record<string, unknown>).message, "inner");
  });

  it("hides secrets and leaves out what is below its level", () => {
    const lines: string[] = [];
    const log = loggerTo(lines);
    log.debug("not shown");
    log.info("call", { authorization: "Bearer x", url: { password: "y" } });
    const { authorization, url } = only(lines);
    assert.deepEqual([authorization, url], ["[redacted]", { password: "[redacted]" }]);
  });
});
