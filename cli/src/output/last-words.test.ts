import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import {
  AttemptSchema,
  AttemptState,
  TaskSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { OutputLine } from "../mesh-client/task-output.ts";
import { lastWords } from "./last-words.ts";

function taskIn(state: AttemptState, number = 1) {
  const attempts = [create(AttemptSchema, { number, state })];
  return create(TaskSchema, { id: "task", attempts });
}

const dispatched = taskIn(AttemptState.DISPATCHED);
const running = taskIn(AttemptState.RUNNING);

function hearing(...lines: readonly (readonly [OutputLine["stream"], string])[]) {
  const words = lastWords();
  const firsts = lines.map(([stream, text]) => words.heard({ task: running, stream, text }));
  return { words, firsts };
}

describe("lastWords", () => {
  it("passes over what the KFP runtime says of itself", () => {
    const input = { inputs: { parameterValues: { n: 3, list: [1, null, "x"], on: true } } };
    const { words } = hearing(
      ["stdout", "epoch 3"],
      ["stdout", "[KFP Executor 2026-03-01 12:00:00,000 INFO]: Got executor_input:"],
      ...JSON.stringify(input, undefined, 4)
        .split("\n")
        .map((line) => ["stdout", line] as const),
    );
    assert.equal(words.of(running), "epoch 3");
  });

  it("takes stdout, or else stderr without the details of traces and warnings", () => {
    const { words } = hearing(
      ["stderr", "INFO loaded"],
      ["stderr", "/lib/x.py:3: FutureWarning: soon"],
      ["stderr", "  warnings.warn("],
    );
    assert.equal(words.of(running), "INFO loaded");
    words.heard({ task: running, stream: "stdout", text: "\u001b[32m 5%\r  9%\u001b[0m" });
    assert.equal(words.of(running), "9%");
  });

  it("says that packages are installed until the task itself runs", () => {
    const { words, firsts } = hearing(
      ["system", "installing packages: pandas"],
      ["system", "waiting for another task that is making the same environment"],
      ["system", "IMAGE_NOT_RUN: a warning"],
    );
    assert.deepEqual(firsts, [true, false, false]);
    assert.match(words.of(dispatched), /^waiting for another task/);
    assert.equal(words.of(running), "");
  });

  it("leaves nothing of an earlier attempt", () => {
    const { words } = hearing(["stdout", "nearly there"]);
    assert.equal(words.of(taskIn(AttemptState.RUNNING, 2)), "");
  });
});
