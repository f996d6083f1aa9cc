const REFERENCE = /\$(\$?)\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)/g;

/**
 * Expands `$(NAME)` as Kubernetes does in commands and variables. A name that is not among the
 * variables stays as it is, since it may well be a command of a shell; `$$(NAME)` gives `$(NAME)`.
 */
export function expandVariables(text: string, env: Readonly<Record<string, string>>): string {
  if (!text.includes("$(")) return text;
  return text.replace(REFERENCE, (whole, dollar: string, name: string) => {
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value === undefined) return whole;
    return dollar === "" ? value : `$(${name})`;
  });
}
