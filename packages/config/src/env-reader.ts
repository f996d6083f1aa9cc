import { InvalidError } from "@tidemill/errors";

/** Strings by name: `process.env`, or a literal in a test. */
export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Typed access to environment variables. An empty value counts as absent. Every method throws
 * InvalidError BAD_SETTING naming the variable, its value and what would be accepted.
 */
export interface EnvReader {
  string(name: string, fallback: string): string;
  optional(name: string): string | undefined;
  required(name: string): string;
  integer(name: string, fallback: number, range?: { min?: number; max?: number }): number;
  boolean(name: string, fallback: boolean): boolean;
  oneOf<T extends string>(name: string, allowed: readonly T[], fallback: T): T;
  /** Comma-separated; blanks around entries are dropped. */
  list(name: string, fallback: readonly string[]): readonly string[];
}

export function envReader(env: Env): EnvReader {
  const optional = (name: string) => (env[name] === "" ? undefined : env[name]);
  return {
    optional,
    string: (name, fallback) => optional(name) ?? fallback,
    required(name) {
      const value = optional(name);
      if (value === undefined) throw badSetting(name, "nothing", "it must be set");
      return value;
    },
    integer(name, fallback, range = {}) {
      const value = optional(name);
      if (value === undefined) return fallback;
      const number = Number(value);
      const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = range;
      if (!Number.isSafeInteger(number) || number < min || number > max) {
        throw badSetting(name, value, `it must be a whole number from ${min} to ${max}`);
      }
      return number;
    },
    boolean(name, fallback) {
      const value = optional(name);
      if (value === undefined) return fallback;
      if (value === "true" || value === "1") return true;
      if (value === "false" || value === "0") return false;
      throw badSetting(name, value, "it must be true or false");
    },
    oneOf(name, allowed, fallback) {
      const value = optional(name);
      if (value === undefined) return fallback;
      const found = allowed.find((candidate) => candidate === value);
      if (found === undefined)
        throw badSetting(name, value, `it must be one of ${allowed.join(", ")}`);
      return found;
    },
    list(name, fallback) {
      const value = optional(name);
      if (value === undefined) return fallback;
      return value
        .split(",")
        .map((entry) => entry.trim())
        .filter((entry) => entry !== "");
    },
  };
}

function badSetting(name: string, value: string, rule: string): InvalidError {
  return new InvalidError("BAD_SETTING", `${name} is ${JSON.stringify(value)}: ${rule}`, [
    { field: name, description: rule },
  ]);
}
