import { excerpt } from "./excerpt.ts";
import type { TaskError } from "./journal-event.ts";

/** Characters of a message: it may quote names and values, and is kept in the journal. */
const MESSAGE_LENGTH_MAX = 4_096;

/** Thrown where something about a task's values is wrong; the reducer turns it into its failure. */
export class TaskFault extends Error {
  override readonly name = "TaskFault";
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(excerpt(message, MESSAGE_LENGTH_MAX));
    this.reason = reason;
  }

  toTaskError(): TaskError {
    return { reason: this.reason, message: this.message };
  }
}
