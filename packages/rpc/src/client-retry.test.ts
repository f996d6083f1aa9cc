import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { NotFoundError, UnavailableError } from "@tidemill/errors";
import {
  CreateRunRequestSchema,
  GetRunRequestSchema,
  RunService,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import { isRepeatable, type RepeatableCall, retryUnavailable } from "./client-retry.ts";

const { createRun, getRun } = RunService.method;

function read(patienceMs: number): RepeatableCall {
  return {
    method: getRun,
    request: create(GetRunRequestSchema),
    deadline: Date.now() + patienceMs,
  };
}

/** Fails so many times, then answers how often it was called. */
function failing(times: number, error: Error = new UnavailableError("server", "away")) {
  let calls = 0;
  return {
    attempt: async () => {
      calls += 1;
      if (calls <= times) throw error;
      return calls;
    },
    calls: () => calls,
  };
}

describe("a call to a server that is away", () => {
  it("is made again when it only reads", async () => {
    assert.equal(await retryUnavailable(failing(2).attempt, read(10_000)), 3);
  });
  it("is not made again after any other error", async () => {
    const { attempt, calls } = failing(2, new NotFoundError("run", "x"));
    await assert.rejects(retryUnavailable(attempt, read(10_000)), NotFoundError);
    assert.equal(calls(), 1);
  });
  it("is not made again past its deadline", async () => {
    const { attempt, calls } = failing(99);
    await assert.rejects(retryUnavailable(attempt, read(10)), UnavailableError);
    assert.equal(calls(), 1);
  });
  it("is not made again once its signal has aborted", async () => {
    const { attempt, calls } = failing(99);
    const call = { ...read(10_000), signal: AbortSignal.abort() };
    await assert.rejects(retryUnavailable(attempt, call), UnavailableError);
    assert.equal(calls(), 1);
  });
  it("may be repeated as a mutation only under a request id", () => {
    assert.ok(isRepeatable(createRun, create(CreateRunRequestSchema, { requestId: "r" })));
    assert.ok(!isRepeatable(createRun, create(CreateRunRequestSchema)));
  });
});
