import { TaskFault } from "./task-fault.ts";

/** Characters that a text may have once its variables are expanded. */
const EXPANDED_TEXT_LENGTH_MAX = 32 * 1024 * 1024;

const REFERENCE = /\$(\$?)\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)/g;

/**
 * Expands `$(NAME)` as Kubernetes does in commands and variables. A name that is not among the
 * variables stays as it is, since it may well be a command of a shell; `$$(NAME)` always gives
 * `$(NAME)`. Throws TaskFault when the text grows past its limit: variables can double each other.
 */
export function expandVariables(text: string, env: Readonly<Record<string, string>>): string {
  if (!text.includes("$(")) return text;
  let length = text.length;
  return text.replace(REFERENCE, (whole, dollar: string, name: string) => {
    if (dollar !== "") return `$(${name})`;
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value === undefined) return whole;
    length += value.length;
    if (length <= EXPANDED_TEXT_LENGTH_MAX) return value;
    throw new TaskFault(
      "VALUE_TOO_LARGE",
      `a text is longer than ${EXPANDED_TEXT_LENGTH_MAX} characters once its variables are ` +
        "expanded (EXPANDED_TEXT_LENGTH_MAX)",
    );
  });
}
