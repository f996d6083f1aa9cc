import { isGenerated, type Rule } from "../rule.ts";

const homes = ["root", "work", "Users", "home/\\w+"];

/**
 * Split so that this file does not find itself. Paths of one machine and hosts of a registry break
 * everybody else's machine; a note to do something later is an issue.
 */
const banned: readonly { readonly pattern: RegExp; readonly message: string }[] = [
  {
    pattern: new RegExp(`(?<![\\w.:@/-])/(${homes.join("|")})/\\w`),
    message: "a path of one machine",
  },
  {
    pattern: new RegExp(
      [
        "registry\\.npm" + "js\\.org",
        "(files\\.)?pythonhosted" + "\\.org",
        "(?<![\\w.])pypi" + "\\.org",
        "npm" + "mirror\\.com",
      ].join("|"),
    ),
    message: "a registry's host: only the package managers' own settings name one",
  },
  {
    pattern: new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX"].join("|")})\\b(?!\\(#)`),
    message: "a reminder: do it or open an issue",
  },
];

/** Nothing in the repository knows the machine it was written on. */
export const leftovers: Rule = {
  name: "no machine paths, registry hosts or reminders",
  check: (repository) =>
    repository.files
      .filter((file) => !isGenerated(file.path) || file.path === "package-lock.json")
      .flatMap((file) =>
        file.text
          .split("\n")
          .flatMap((text, index) =>
            banned
              .filter((entry) => entry.pattern.test(text))
              .map((entry) => ({ path: file.path, line: index + 1, message: entry.message })),
          ),
      ),
};
