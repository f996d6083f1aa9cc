import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  RunSchema,
  RunState,
  TaskErrorSchema,
  TaskKind,
  TaskSchema,
  TaskState,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { liveRegion } from "./live-region.ts";
import { paintOf } from "./paint.ts";
import { formatDuration, formatSize } from "./quantities.ts";
import { cut, table } from "./table.ts";
import { renderTree } from "./task-tree.ts";
import type { Terminal } from "./terminal.ts";

const START_MS = 1_750_000_000_000;

function task(id: string, parent: string, state: TaskState, startedMs?: number) {
  return create(TaskSchema, {
    id,
    key: id,
    path: id,
    parentTaskId: parent,
    kind: parent === "" ? TaskKind.ROOT : TaskKind.CONTAINER,
    state,
    ...(startedMs === undefined ? {} : { startedAt: timestampFromMs(startedMs) }),
  });
}

describe("renderTree", () => {
  const run = create(RunSchema, {
    name: "iris",
    state: RunState.RUNNING,
    createdAt: timestampFromMs(START_MS),
  });
  const tasks = [
    task("root", "", TaskState.RUNNING, START_MS),
    task("late", "root", TaskState.PENDING),
    task("group", "root", TaskState.RUNNING, START_MS + 1000),
    task("inner", "group", TaskState.RUNNING, START_MS + 1500),
    task("first", "root", TaskState.SUCCEEDED, START_MS),
  ];
  const view = {
    run,
    tasks: new Map(tasks.map((entry) => [entry.id, entry])),
    lastLines: new Map([["inner", "epoch 3 of 10, loss 0.25"]]),
  };
  const style = { paint: paintOf(false), columns: 60, nowMs: START_MS + 3500 };

  it("shows tasks under their parents, in the order they began, with their last line", () => {
    assert.deepEqual(renderTree(view, style), [
      "● iris  running  3.5s",
      "  ✓ first         succeeded   3.5s",
      "  ● group         running     2.5s",
      "  ●   inner       running     2.0s  epoch 3 of 10, loss 0.…",
      "  · late          pending",
    ]);
  });

  it("says why a task failed instead of what it printed last", () => {
    const failed = task("first", "root", TaskState.FAILED, START_MS);
    failed.error = create(TaskErrorSchema, { reason: "EXIT_CODE", message: "exit code 3" });
    const lines = renderTree(
      {
        ...view,
        tasks: new Map([
          ["root", task("root", "", TaskState.RUNNING, START_MS)],
          ["first", failed],
        ]),
      },
      style,
    );
    assert.match(lines[1] ?? "", /✗ .*failed.*exit code 3/);
  });
});

describe("tables and quantities", () => {
  it("pads every column but the last", () => {
    assert.deepEqual(
      table(
        ["A", "B"],
        [
          ["long cell", "x"],
          ["y", ""],
        ],
      ),
      ["A          B", "long cell  x", "y"],
    );
  });

  it("cuts by characters, not by bytes", () => {
    assert.equal(cut("größer als", 5), "größ…");
    assert.equal(cut("größe", 5), "größe");
  });

  for (const [ms, text] of [
    [380, "0.4s"],
    [12_340, "12.3s"],
    [125_000, "2m05s"],
    [10_920_000, "3h02m"],
  ] as const) {
    it(`${ms} ms is ${text}`, () => assert.equal(formatDuration(ms), text));
  }

  it("sizes have binary units", () => {
    assert.equal(formatSize(812), "812 B");
    assert.equal(formatSize(3_500_000n), "3.3 MiB");
  });
});

describe("liveRegion", () => {
  it("draws over what it drew before, and never more than the terminal has rows", async () => {
    const written: string[] = [];
    const terminal: Terminal = {
      print: () => {},
      note: () => {},
      write: async (data) => void written.push(String(data)),
      interactive: true,
      colors: false,
      columns: () => 80,
      rows: () => 3,
    };
    const region = liveRegion(terminal);
    await region.draw(["one"]);
    await region.draw(["one", "two", "three"]);
    assert.deepEqual(written, ["\r\u001b[0Jone\n", "\u001b[1A\r\u001b[0Jtwo\nthree\n"]);
  });
});
