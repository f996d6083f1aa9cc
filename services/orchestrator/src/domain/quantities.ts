const QUANTITY =
  /^([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:([eE][+-]?[0-9]{1,3})|([numkMGTPE]|[KMGTPE]i))?$/;

const FACTORS: Readonly<Record<string, number>> = {
  n: 1e-9,
  u: 1e-6,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  E: 1e18,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
  Ei: 2 ** 60,
};

/** CPUs of a Kubernetes quantity (`500m` is 0.5), or undefined when it is none. */
export function parseCpu(text: string): number | undefined {
  return parseQuantity(text, CPUS_MAX);
}

/** Bytes of a Kubernetes quantity (`2Gi`), or undefined when it is none. */
export function parseMemory(text: string): number | undefined {
  const bytes = parseQuantity(text, Number.MAX_SAFE_INTEGER);
  return bytes === undefined ? undefined : Math.ceil(bytes);
}

/** A count: a whole number that is not negative, or undefined. */
export function parseWhole(text: string): number | undefined {
  return /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}

const CPUS_MAX = 1_000_000;

function parseQuantity(text: string, max: number): number | undefined {
  const match = QUANTITY.exec(text);
  if (match === null) return undefined;
  const factor = match[3] === undefined ? 1 : (FACTORS[match[3]] ?? 1);
  const value = Number(`${match[1]}${match[2] ?? ""}`) * factor;
  return Number.isFinite(value) && value <= max ? value : undefined;
}
