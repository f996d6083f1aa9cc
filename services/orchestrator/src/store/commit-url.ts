/**
 * For connections that commit: every statement finds its rows by a key, and must go on doing so on
 * partitions that were empty when it was planned.
 */
const COMMIT_SETTINGS = [
  "enable_seqscan=off",
  "enable_hashjoin=off",
  "enable_mergejoin=off",
  "plan_cache_mode=force_generic_plan",
  "jit=off",
];

/** A connection string whose sessions begin with the settings of those that commit. */
export function commitUrl(url: string): string {
  const changed = new URL(url);
  const options = COMMIT_SETTINGS.map((setting) => `-c ${setting}`).join(" ");
  changed.searchParams.set("options", options);
  return changed.href;
}
