import { StateError } from "@tidemill/errors";
import { runPlan } from "../servers/process-plan.ts";

export interface Python {
  /** The interpreter itself, not a shim or a link that looks it up each time. */
  readonly path: string;
  readonly version: string;
  readonly hasPip: boolean;
}

const MINOR_MIN = 10;
const candidates = [
  "python3",
  "python3.14",
  "python3.13",
  "python3.12",
  "python3.11",
  "python3.10",
  "python",
];
const PROBE = `
import importlib.util, json, sys
print(json.dumps({"path": sys.executable, "version": list(sys.version_info[:3]),
                  "pip": importlib.util.find_spec("pip") is not None}))
`;

/**
 * The first Python on PATH that is new enough, one with pip preferred. `TIDEMILL_PYTHON` names one
 * directly. Throws StateError PYTHON_MISSING with what was found instead.
 */
export async function findPython(env: Readonly<Record<string, string>>): Promise<Python> {
  const named = env.TIDEMILL_PYTHON;
  const names = named === undefined || named === "" ? candidates : [named];
  const tooOld: string[] = [];
  let withoutPip: Python | undefined;
  for (const name of names) {
    const found = await probe(name, env);
    if (found === undefined) continue;
    if (!isNewEnough(found.version)) tooOld.push(`${found.path} is ${found.version}`);
    else if (found.hasPip) return found;
    else withoutPip ??= found;
  }
  if (withoutPip !== undefined) return withoutPip;
  throw new StateError(
    "PYTHON_MISSING",
    `no Python >= 3.${MINOR_MIN} was found${tooOld.length > 0 ? ` (${tooOld.join(", ")})` : ""}: ` +
      "install python3 and python3-pip, or name an interpreter in TIDEMILL_PYTHON",
  );
}

async function probe(
  name: string,
  env: Readonly<Record<string, string>>,
): Promise<Python | undefined> {
  const result = await runPlan({ name, argv: [name, "-c", PROBE], env, cwd: "/" });
  if (result.code !== 0) return undefined;
  const found: { path: string; version: number[]; pip: boolean } = JSON.parse(result.stdout);
  return { path: found.path, version: found.version.join("."), hasPip: found.pip };
}

function isNewEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 3 || (major === 3 && minor >= MINOR_MIN);
}
