import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  TaskKind,
  TaskSchema,
  TaskState,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { inOrderOfChange } from "./order-of-change.ts";

function ended(path: string, kind: TaskKind, atMs: number) {
  const finishedAt = timestampFromMs(atMs);
  return create(TaskSchema, { path, kind, state: TaskState.SUCCEEDED, finishedAt });
}

function running(path: string, kind: TaskKind) {
  return create(TaskSchema, { path, kind, state: TaskState.RUNNING });
}

const { DAG, CONTAINER } = TaskKind;

const cases: readonly { name: string; tasks: ReturnType<typeof running>[]; order: string[] }[] = [
  {
    name: "a group ends after the last task in it",
    tasks: [ended("g", DAG, 5), ended("g/inner", DAG, 5), ended("g/inner/last", CONTAINER, 5)],
    order: ["g/inner/last", "g/inner", "g"],
  },
  {
    name: "what ended stands before what that made begin, and a group before its tasks",
    tasks: [running("g", DAG), running("g/a", CONTAINER), ended("before", CONTAINER, 4)],
    order: ["g", "before", "g/a"],
  },
  {
    name: "what ended stands in the order of time",
    tasks: [ended("g/late", CONTAINER, 9), ended("early", CONTAINER, 3)],
    order: ["early", "g/late"],
  },
];

describe("inOrderOfChange", () => {
  for (const { name, tasks, order } of cases) {
    it(name, () => {
      const paths = inOrderOfChange(tasks).map(({ path }) => path);
      assert.deepEqual(paths, order);
    });
  }
});
