/** A Python on this machine. */
export interface Interpreter {
  /** The real binary, never a shim. */
  readonly path: string;
  /** `3.11.7` */
  readonly version: string;
}

/**
 * The interpreter for a wanted minor version: that one, else the nearest newer, else the nearest
 * older one. Among patch versions the newest. Undefined when there is none at all.
 */
export function chooseInterpreter(
  interpreters: readonly Interpreter[],
  wanted: string,
): Interpreter | undefined {
  const minor = minorOf(wanted);
  const ranked = interpreters.toSorted((a, b) => comparePatches(b.version, a.version));
  const newer = ranked.filter((entry) => minorOf(entry.version) >= minor);
  const pool = newer.length > 0 ? newer : ranked;
  const distance = (entry: Interpreter) => Math.abs(minorOf(entry.version) - minor);
  return pool.toSorted((a, b) => distance(a) - distance(b))[0];
}

/** Whether a Python of that version is what somebody means who asks for `3.11`. */
export function isOfVersion(version: string, wanted: string): boolean {
  return minorOf(version) === minorOf(wanted);
}

/** The minor version as one number: `3.11.7` gives 3011. */
function minorOf(version: string): number {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major * 1000 + minor;
}

function comparePatches(a: string, b: string): number {
  return patchOf(a) - patchOf(b);
}

function patchOf(version: string): number {
  return Number.parseInt(version.split(".")[2] ?? "0", 10) || 0;
}
