import type { Finding, Rule } from "../rule.ts";

const fileName = /^(\d{4})_[a-z0-9]+(_[a-z0-9]+)*\.sql$/;

/** Migrations are applied by number, forward only: a gap or a repeat is a merge gone wrong. */
export const migrations: Rule = {
  name: "migrations are numbered from 0001 without gaps",
  check(repository) {
    const folders = new Map<string, string[]>();
    for (const { path } of repository.files) {
      const match = /^(.*\/migrations)\/([^/]+)$/.exec(path);
      if (match?.[1] === undefined || match[2] === undefined) continue;
      folders.set(match[1], [...(folders.get(match[1]) ?? []), match[2]]);
    }
    const findings: Finding[] = [];
    for (const [folder, names] of folders) {
      names.sort().forEach((name, index) => {
        const path = `${folder}/${name}`;
        const number = fileName.exec(name)?.[1];
        const expected = String(index + 1).padStart(4, "0");
        if (number === undefined) {
          findings.push({ path, message: "is not named like 0001_create_runs.sql" });
        } else if (number !== expected) {
          findings.push({ path, message: `has number ${number} where ${expected} comes next` });
        }
      });
    }
    return findings;
  },
};
