import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  AttemptSchema,
  RunSchema,
  RunState,
  type Task,
  TaskErrorSchema,
  TaskKind,
  TaskSchema,
  TaskState,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { cut, widthOf } from "./display-width.ts";
import { liveRegion } from "./live-region.ts";
import { paintOf } from "./paint.ts";
import { formatDuration, formatSize } from "./quantities.ts";
import { table } from "./table.ts";
import { renderTree } from "./task-tree.ts";
import { type Terminal, terminalOf } from "./terminal.ts";

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
    wordsOf: ({ id }: Task) => (id === "inner" ? "epoch 3 of 10, loss 0.25" : ""),
  };
  const style = { paint: paintOf(false), columns: 60, rows: 40, nowMs: START_MS + 3500 };

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

  it("shows a failure on the line of the task that failed, and not on that of its group", () => {
    const failed = task("inner", "group", TaskState.FAILED, START_MS);
    failed.error = create(TaskErrorSchema, { reason: "EXIT_CODE", message: "exit code 3" });
    const group = task("group", "root", TaskState.FAILED, START_MS);
    group.error = create(TaskErrorSchema, { reason: "TASK_FAILED", message: "inner: exit code 3" });
    const all = [task("root", "", TaskState.FAILED, START_MS), group, failed];
    const tree = { ...view, tasks: new Map(all.map((entry) => [entry.id, entry])) };
    assert.deepEqual(
      renderTree(tree, style).filter((line) => line.includes("exit code 3")),
      ["  ✗   inner       failed      3.5s  exit code 3"],
    );
  });

  it("keeps what failed and what runs where there is no room, and sums up the rest", () => {
    const many = Array.from({ length: 40 }, (_, index) => {
      const state =
        index === 20
          ? TaskState.FAILED
          : index === 25
            ? TaskState.RUNNING
            : index < 20
              ? TaskState.SUCCEEDED
              : TaskState.QUEUED;
      const entry = task(`t${index}`, "root", state, START_MS + index);
      if (state === TaskState.SUCCEEDED) entry.finishedAt = timestampFromMs(START_MS + 100 + index);
      return entry;
    });
    const all = [task("root", "", TaskState.RUNNING, START_MS), ...many];
    const tree = { ...view, tasks: new Map(all.map((entry) => [entry.id, entry])) };
    const lines = renderTree(tree, { ...style, rows: 6 });
    assert.deepEqual(
      lines.map((line) => line.trim().split(/ +/).slice(0, 3).join(" ")),
      [
        "● iris running",
        "✓ t18 succeeded",
        "✓ t19 succeeded",
        "✗ t20 failed",
        "● t25 running",
        "18 queued, 18",
      ],
    );
    assert.equal(lines.at(-1), "  18 queued, 18 succeeded");
  });

  it("no line is wider than the terminal, whatever the names are", () => {
    const wide = task("ü".repeat(30) + "漢字".repeat(30), "root", TaskState.RUNNING, START_MS);
    const all = [task("root", "", TaskState.RUNNING, START_MS), wide];
    const named = create(RunSchema, { ...run, name: "\u001b[2Jnamed ".repeat(30) });
    const tree = {
      run: named,
      tasks: new Map(all.map((entry) => [entry.id, entry])),
      wordsOf: () => "🚀 loss 0.25 🚀".repeat(9),
    };
    for (const line of renderTree(tree, style)) {
      assert.ok(widthOf(line) <= style.columns, line);
      assert.doesNotMatch(line, /\p{Cc}/u);
    }
  });

  it("says that an attempt is not the first", () => {
    const again = task("again", "root", TaskState.RUNNING, START_MS);
    again.attempts = [1, 2].map((number) => create(AttemptSchema, { number }));
    const all = [task("root", "", TaskState.RUNNING, START_MS), again];
    const tree = { ...view, tasks: new Map(all.map((entry) => [entry.id, entry])) };
    assert.match(renderTree(tree, style)[1] ?? "", /running +3.5s {2}attempt 2$/);
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

  for (const [text, columns] of [
    ["plain", 5],
    ["漢字", 4],
    ["🚀 ok", 5],
    ["👩‍👩‍👧", 2],
    ["🇩🇪", 2],
    ["e\u0301", 1],
    ["1️⃣", 2],
    ["\u200b", 0],
  ] as const) {
    it(`${JSON.stringify(text)} takes ${columns} columns`, () => {
      assert.equal(widthOf(text), columns);
    });
  }

  it("cuts no character of two columns in half", () => {
    assert.equal(cut("漢字漢字", 6), "漢字…");
    assert.equal(cut("漢字漢字", 4), "漢…");
    assert.equal(cut("漢字", 0), "");
  });

  it("a cell cannot move the cursor", () => {
    assert.deepEqual(table(["A", "B"], [["\u001b[2Jx\u0007", "漢"]]), ["A  B", "x  漢"]);
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

describe("terminalOf", () => {
  const sizeOf = (columns: number | undefined, rows: number | undefined) => {
    const out = Object.assign(new PassThrough(), { isTTY: true, columns, rows });
    const terminal = terminalOf({ out, error: new PassThrough(), dumb: false, plain: true });
    return [terminal.columns(), terminal.rows()];
  };

  it("takes a usual size for a terminal that knows none, or says 0", () => {
    assert.deepEqual(sizeOf(132, 50), [132, 50]);
    assert.deepEqual(sizeOf(undefined, undefined), [100, 40]);
    assert.deepEqual(sizeOf(0, 0), [100, 40]);
  });
});

describe("liveRegion", () => {
  it("draws over what it drew before, and never more than there are rows", async () => {
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
    assert.deepEqual(written, ["\r\u001b[0Jone\n", "\u001b[1A\r\u001b[0Jone\ntwo\n"]);
  });
});
