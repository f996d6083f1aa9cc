/** How much time one partition holds. */
export type Granularity = "day" | "month";

/** One partition's span of time, `[startMs, endMs)`, in UTC. */
export interface Period {
  /** `p20261125` or `p202611`: ends the partition's name. */
  readonly suffix: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** The period that holds a time. */
export function periodAt(timeMs: number, granularity: Granularity): Period {
  const time = new Date(timeMs);
  const [year, month, day] = [time.getUTCFullYear(), time.getUTCMonth(), time.getUTCDate()];
  const isDay = granularity === "day";
  return {
    suffix: `p${year}${twoDigits(month + 1)}${isDay ? twoDigits(day) : ""}`,
    startMs: Date.UTC(year, month, isDay ? day : 1),
    endMs: isDay ? Date.UTC(year, month, day + 1) : Date.UTC(year, month + 1, 1),
  };
}

/** The period before, the one that holds the time, and `ahead` more, oldest first. */
export function periodsAround(timeMs: number, granularity: Granularity, ahead: number): Period[] {
  const current = periodAt(timeMs, granularity);
  const periods = [periodAt(current.startMs - 1, granularity), current];
  for (let last = current; periods.length < ahead + 2; ) {
    last = periodAt(last.endMs, granularity);
    periods.push(last);
  }
  return periods;
}

/** The period that a partition's name ends with, if it is one of ours. */
export function periodOfName(name: string): Period | undefined {
  const match = /_p(\d{4})(\d{2})(\d{2})?$/.exec(name);
  if (match === null) return undefined;
  const [, year, month, day] = match;
  const startMs = Date.UTC(Number(year), Number(month) - 1, Number(day ?? "1"));
  return periodAt(startMs, day === undefined ? "month" : "day");
}

/** The smallest UUIDv7 of a time, or a little below it: the boundary of a partition. */
export function uuidFloor(timeMs: number): string {
  const hex = timeMs.toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
