import { AttemptState, type Task } from "@tidemill/proto/tidemill/orchestrator/v1/run_pb.ts";
import type { OutputLine } from "../mesh-client/task-output.ts";
import { plainText } from "./plain-text.ts";

/** The last thing that each task said, fit for one line of a terminal. */
export interface LastWords {
  /** Whether this line is the first that tells what is done before the task itself runs. */
  heard(line: OutputLine): boolean;
  /** `""` while there is nothing to show. */
  of(task: Task): string;
}

interface Heard {
  readonly attempt: number;
  stdout: string;
  stderr: string;
  preparing: string;
}

/** What the KFP runtime logs of itself: one line each, and an object in JSON with four blanks. */
const KFP_LINE = /^\[KFP Executor |^[{}]$|^(?: {4})+(?:["[\]{}]|-?\d|true|false|null)/;
/** Details of a trace, and warnings of libraries. */
const STDERR_DETAIL = /^\s|Warning: /;
/** How the worker begins a line about what it does before a task can run. */
const PREPARING = /^(?:installing packages|waiting for another task)/;

export function lastWords(): LastWords {
  const heardByTask = new Map<string, Heard>();
  return {
    heard({ task, stream, text }) {
      const line = plainText(text).trimEnd();
      if (line.trim() === "") return false;
      const attempt = task.attempts.at(-1)?.number ?? 0;
      let heard = heardByTask.get(task.id);
      if (heard === undefined || heard.attempt !== attempt) {
        heard = { attempt, stdout: "", stderr: "", preparing: "" };
        heardByTask.set(task.id, heard);
      }
      if (stream === "system") {
        const isFirst = heard.preparing === "" && PREPARING.test(line);
        if (PREPARING.test(line)) heard.preparing = line;
        return isFirst;
      }
      if (stream === "stdout" && !KFP_LINE.test(line)) heard.stdout = line.trim();
      if (stream === "stderr" && !STDERR_DETAIL.test(line)) heard.stderr = line.trim();
      return false;
    },
    of(task) {
      const heard = heardByTask.get(task.id);
      const attempt = task.attempts.at(-1);
      if (heard === undefined || attempt === undefined || heard.attempt !== attempt.number) {
        return "";
      }
      if (attempt.state === AttemptState.DISPATCHED) return heard.preparing;
      return heard.stdout || heard.stderr;
    },
  };
}
