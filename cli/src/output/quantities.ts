import type { Timestamp } from "@bufbuild/protobuf/wkt";

/** `0.4s`, `12.3s`, `2m05s`, `3h02m`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(ms, 0) / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)}s`;
  const whole = Math.floor(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)}m${pad(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h${pad(Math.floor((whole % 3600) / 60))}m`;
}

/** `812 B`, `3.4 KiB`, `1.2 GiB`. */
export function formatSize(bytes: bigint | number): string {
  let value = Number(bytes);
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (value < 1024) return unit === "B" ? `${value} B` : `${value.toFixed(1)} ${unit}`;
    value /= 1024;
  }
  return `${value.toFixed(1)} TiB`;
}

/** Local time to the second; `-` for none. */
export function formatTime(time: Timestamp | undefined): string {
  const ms = millisecondsOf(time);
  if (ms === undefined) return "-";
  const date = new Date(ms);
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

export function millisecondsOf(time: Timestamp | undefined): number | undefined {
  return time === undefined ? undefined : Number(time.seconds) * 1000 + time.nanos / 1e6;
}

/** Time between two points, the second being now while it is open; undefined before the first. */
export function spanMs(
  from: Timestamp | undefined,
  to: Timestamp | undefined,
  nowMs: number,
): number | undefined {
  const start = millisecondsOf(from);
  return start === undefined ? undefined : (millisecondsOf(to) ?? nowMs) - start;
}

function pad(value: number): string {
  return String(value).padStart(2, "0");
}
