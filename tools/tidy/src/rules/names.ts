import { type Finding, isGenerated, type Rule } from "../rule.ts";

const banned = /^(utils?|helpers?|common|core|shared|misc)$/;
const kebab = /^[a-z0-9]+(-[a-z0-9]+)*((\.(int|contract|long))?\.test)?\.(ts|mjs|mts)$/;

/** A name says what is inside; `utils` says that nobody knew. */
export const names: Rule = {
  name: "files are kebab-case and none is called utils or common",
  check(repository) {
    const findings: Finding[] = [];
    for (const { path } of repository.files) {
      if (isGenerated(path) || !/^(packages|services|worker|cli|e2e|bench|tools)\//.test(path)) {
        continue;
      }
      const parts = path.split("/");
      const name = parts.at(-1) ?? "";
      if (/\.(ts|mjs|mts)$/.test(name) && !kebab.test(name)) {
        findings.push({ path, message: `"${name}" is not kebab-case` });
      }
      const vague = [...parts.slice(1, -1), name.split(".")[0] ?? ""].find((part) =>
        banned.test(part),
      );
      if (vague !== undefined && !(name.includes("test") || parts.includes("test"))) {
        findings.push({ path, message: `"${vague}" does not say what is inside` });
      }
    }
    return findings;
  },
};
