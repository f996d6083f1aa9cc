import { InvalidArgumentError } from "commander";

const PORT_OFFSET_MAX = 56_000;

/** A whole number of 0 or more. */
export function readCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) {
    throw new InvalidArgumentError("use a whole number of 0 or more.");
  }
  return value;
}

/** How many of a list: at least one. */
export function readLimit(text: string): number {
  const value = readCount(text);
  if (value < 1) throw new InvalidArgumentError("use a whole number of 1 or more.");
  return value;
}

export function readPortOffset(text: string): number {
  const value = readCount(text);
  if (value > PORT_OFFSET_MAX) throw new InvalidArgumentError(`use at most ${PORT_OFFSET_MAX}.`);
  return value;
}

/** Gathers an option that may be given several times. */
export function gather(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}
