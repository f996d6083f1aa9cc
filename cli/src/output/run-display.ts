import type { Run, Task } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { RunSchema, TaskSchema } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { CommandContext } from "../context.ts";
import type { RunChange } from "../mesh-client/follow-run.ts";
import type { OutputLine } from "../mesh-client/task-output.ts";
import { jsonOf, printJsonLine } from "./json.ts";
import { type LastWords, lastWords } from "./last-words.ts";
import { liveRegion } from "./live-region.ts";
import { inOrderOfChange } from "./order-of-change.ts";
import { paintOf } from "./paint.ts";
import { plainText } from "./plain-text.ts";
import { formatDuration, spanMs } from "./quantities.ts";
import { isFinalTask, isOwnFailure, markOf, taskStateName } from "./states.ts";
import { renderTree } from "./task-tree.ts";

/** Shows a run while it goes on: a tree on a terminal, lines elsewhere, or JSON lines. */
export interface RunDisplay {
  changed(change: RunChange): void;
  printed(line: OutputLine): void;
  /** Shows the last state and lets go of the terminal. */
  finish(): Promise<void>;
}

const REDRAW_MS = 100;

export function createRunDisplay(context: CommandContext): RunDisplay {
  if (context.json) return jsonDisplay(context);
  return context.terminal.interactive ? liveDisplay(context) : lineDisplay(context);
}

function jsonDisplay({ terminal }: CommandContext): RunDisplay {
  return {
    changed({ run, tasks }) {
      if (run !== undefined) printJsonLine(terminal, { run: jsonOf(RunSchema, run) });
      for (const task of tasks) printJsonLine(terminal, { task: jsonOf(TaskSchema, task) });
    },
    printed: () => {},
    finish: async () => {},
  };
}

function liveDisplay(context: CommandContext): RunDisplay {
  const region = liveRegion(context.terminal);
  const tasks = new Map<string, Task>();
  const words = lastWords();
  let run: Run | undefined;
  let drawing = Promise.resolve();
  const draw = () => {
    const style = {
      paint: paintOf(context.terminal.colors),
      columns: context.terminal.columns(),
      rows: region.rows(),
      nowMs: context.now(),
    };
    const view = { run, tasks, wordsOf: words.of };
    drawing = drawing.then(() => region.draw(renderTree(view, style)));
    return drawing;
  };
  const ticker = setInterval(draw, REDRAW_MS);
  return {
    changed(change) {
      run = change.run ?? run;
      for (const task of change.tasks) tasks.set(task.id, task);
    },
    printed: (line) => void words.heard(line),
    async finish() {
      clearInterval(ticker);
      await draw();
    },
  };
}

/** A line for each change of state; where a task has ended, with the last thing it said. */
function lineDisplay(context: CommandContext): RunDisplay {
  const { terminal } = context;
  const states = new Map<string, string>();
  const words = lastWords();
  const print = (task: Task, remark: string) => {
    const state = taskStateName(task.state);
    const span = spanMs(task.startedAt, task.finishedAt, context.now());
    const took = span === undefined || task.finishedAt === undefined ? "" : formatDuration(span);
    terminal.print(`${markOf(state)} ${task.path}  ${state}  ${took}  ${remark}`.trimEnd());
  };
  return {
    changed({ tasks }) {
      for (const task of inOrderOfChange(tasks)) {
        const state = taskStateName(task.state);
        if (task.path === "" || state === "pending" || states.get(task.id) === state) continue;
        states.set(task.id, state);
        print(task, isFinalTask(task.state) ? endingOf(task, words) : "");
      }
    },
    printed(line) {
      const isFirst = words.heard(line);
      if (isFirst && states.get(line.task.id) === "running") print(line.task, plainText(line.text));
    },
    finish: async () => {},
  };
}

/** Why a task failed, or the last thing it said. A group's failure is told by the task in it. */
function endingOf(task: Task, words: LastWords): string {
  if (task.error === undefined) return words.of(task);
  return isOwnFailure(task.error) ? plainText(task.error.message) : "";
}
