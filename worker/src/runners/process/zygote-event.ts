/** What a zygote and its monitors say, one JSON object a line. */
export type ZygoteEvent =
  | { readonly event: "ready" }
  | {
      readonly event: "started";
      readonly id: string;
      /** Milliseconds since the epoch: it may be told of later, together with its end. */
      readonly at: number;
      readonly limits: readonly string[];
    }
  | {
      readonly event: "exited";
      readonly id: string;
      readonly code: number;
      readonly signal: number;
      readonly stdout: number;
      readonly stderr: number;
      /** Bytes of output that were not kept. */
      readonly dropped: number;
      /** Bytes in use when that was more than the limit. */
      readonly memory: number;
    }
  | { readonly event: "lost"; readonly id: string }
  | { readonly event: "unsafe"; readonly module: string }
  | { readonly event: "cold"; readonly message: string };

/** Both ends are one version of one program: a line that is no event is a bug and throws. */
export function parseZygoteEvent(line: string): ZygoteEvent {
  const event: ZygoteEvent = JSON.parse(line);
  return event;
}
