/** What the reaper tells, one line of JSON each; reaper.py describes them. */
export type ReaperEvent =
  | { readonly event: "ready"; readonly pid: number }
  | { readonly event: "busy"; readonly holder: number }
  | { readonly event: "unlockable"; readonly message: string }
  | { readonly event: "spawned"; readonly id: string; readonly pid: number }
  | { readonly event: "failed"; readonly id: string; readonly message: string }
  | {
      readonly event: "exited";
      readonly id: string;
      readonly pid: number;
      readonly code: number | null;
      readonly signal: string | null;
      readonly tail: string;
    };

/** The script is part of this package and speaks nothing else, so a line is taken at its word. */
export function parseReaperEvent(line: string): ReaperEvent {
  return JSON.parse(line);
}
