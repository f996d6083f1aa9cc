import type { Terminal } from "./terminal.ts";

/** Lines at the bottom of a terminal that are drawn over again. */
export interface LiveRegion {
  draw(lines: readonly string[]): Promise<void>;
  /** How many lines there is room for. */
  rows(): number;
}

const up = (rows: number) => `\u001b[${rows}A`;
const CLEAR_BELOW = "\u001b[0J";

/** More lines than there are rows cannot be drawn over: then only the first ones are shown. */
export function liveRegion(terminal: Terminal): LiveRegion {
  let drawn = 0;
  const rows = () => Math.max(terminal.rows() - 1, 1);
  return {
    rows,
    async draw(lines) {
      const shown = lines.slice(0, rows());
      const home = drawn === 0 ? "\r" : `${up(drawn)}\r`;
      drawn = shown.length;
      await terminal.write(`${home}${CLEAR_BELOW}${shown.map((line) => `${line}\n`).join("")}`);
    },
  };
}
