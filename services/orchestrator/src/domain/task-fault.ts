import type { TaskError } from "./journal-event.ts";

/** Thrown where something about a task's values is wrong; the reducer turns it into its failure. */
export class TaskFault extends Error {
  override readonly name = "TaskFault";
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }

  toTaskError(): TaskError {
    return { reason: this.reason, message: this.message };
  }
}
