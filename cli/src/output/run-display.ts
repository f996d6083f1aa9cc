import type { Run, Task } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import { RunSchema, TaskSchema } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { CommandContext } from "../context.ts";
import type { RunChange } from "../mesh-client/follow-run.ts";
import type { OutputLine } from "../mesh-client/task-output.ts";
import { jsonOf, printJsonLine } from "./json.ts";
import { liveRegion } from "./live-region.ts";
import { paintOf } from "./paint.ts";
import { formatDuration, spanMs } from "./quantities.ts";
import { isFinalTask, markOf, taskStateName } from "./states.ts";
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
  const lastLines = new Map<string, string>();
  let run: Run | undefined;
  let drawing = Promise.resolve();
  const draw = () => {
    const style = {
      paint: paintOf(context.terminal.colors),
      columns: context.terminal.columns(),
      nowMs: context.now(),
    };
    drawing = drawing.then(() => region.draw(renderTree({ run, tasks, lastLines }, style)));
    return drawing;
  };
  const ticker = setInterval(draw, REDRAW_MS);
  return {
    changed(change) {
      run = change.run ?? run;
      for (const task of change.tasks) tasks.set(task.id, task);
    },
    printed: (line) => keepLast(lastLines, line),
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
  const lastLines = new Map<string, string>();
  return {
    changed({ tasks }) {
      for (const task of tasks) {
        const state = taskStateName(task.state);
        if (task.path === "" || state === "pending" || states.get(task.id) === state) continue;
        states.set(task.id, state);
        const span = spanMs(task.startedAt, task.finishedAt, context.now());
        const took =
          span === undefined || task.finishedAt === undefined ? "" : formatDuration(span);
        const remark = isFinalTask(task.state)
          ? (task.error?.message ?? lastLines.get(task.id) ?? "")
          : "";
        const line = `${markOf(state)} ${task.path}  ${state}  ${took}  ${remark}`;
        terminal.print(line.trimEnd());
      }
    },
    printed: (line) => keepLast(lastLines, line),
    finish: async () => {},
  };
}

/** What the KFP runtime says of itself would hide what the task says; `run logs` has it all. */
function keepLast(lastLines: Map<string, string>, { task, stream, text }: OutputLine): void {
  if (stream !== "stdout" || text.trim() === "" || text.startsWith("[KFP Executor ")) return;
  lastLines.set(task.id, text);
}
