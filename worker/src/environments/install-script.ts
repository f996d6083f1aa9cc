import { shellTokens } from "./shell-words.ts";

/** What a component wants from pip, in the order it asks. */
export interface InstallPlan {
  readonly steps: readonly InstallStep[];
  readonly index: IndexOptions;
}

export interface InstallStep {
  readonly requirements: readonly string[];
  readonly noDeps: boolean;
}

/** Where packages come from when a component says so itself. */
export interface IndexOptions {
  readonly indexUrl?: string;
  readonly extraIndexUrls: readonly string[];
  readonly trustedHosts: readonly string[];
}

export const noInstall: InstallPlan = {
  steps: [],
  index: { extraIndexUrls: [], trustedHosts: [] },
};

const QUIET_FLAGS: ReadonlySet<string> = new Set([
  "--quiet",
  "-q",
  "--no-warn-script-location",
  "--disable-pip-version-check",
  "--no-cache-dir",
  "--user",
]);

interface Draft {
  readonly steps: InstallStep[];
  indexUrl?: string;
  readonly extraIndexUrls: Set<string>;
  readonly trustedHosts: Set<string>;
}

/**
 * Reads the script that the KFP SDK puts before a lightweight component: which packages it installs
 * and from where. The SDK's own `kfp==x --no-deps` is left out, because every environment has a
 * kfp. Undefined when the script does something else, and must then run as it is.
 */
export function parseInstallScript(script: string): InstallPlan | undefined {
  const tokens = shellTokens(script);
  if (tokens === undefined) return undefined;
  const draft: Draft = { steps: [], extraIndexUrls: new Set(), trustedHosts: new Set() };
  let words: string[] = [];
  for (const token of [...tokens, { kind: "operator", text: "\n" } as const]) {
    if (token.kind === "word") {
      words.push(token.text);
      continue;
    }
    if (!readCommand(words, draft)) return undefined;
    words = [];
  }
  if (draft.steps.length === 0) return undefined;
  const { indexUrl } = draft;
  return {
    steps: draft.steps.map(withoutBundledKfp).filter((step) => step.requirements.length > 0),
    index: {
      ...(indexUrl === undefined ? {} : { indexUrl }),
      extraIndexUrls: [...draft.extraIndexUrls],
      trustedHosts: [...draft.trustedHosts],
    },
  };
}

/** Whether a step brings its own kfp, which then takes the place of the pinned one. */
export function installsKfp(plan: InstallPlan): boolean {
  return plan.steps.some((step) => step.requirements.some((text) => nameOf(text) === "kfp"));
}

/** One command of the script; false for an install that cannot be taken over. */
function readCommand(words: readonly string[], draft: Draft): boolean {
  const start = words.findIndex(
    (word, at) =>
      /^python3?$/.test(word) && words.slice(at + 1, at + 4).join(" ") === "-m pip install",
  );
  if (start < 0)
    return (
      !words.includes("install") ||
      !words.some((word) => /(^|\/)pip3?$/.test(word)) ||
      words.includes("apt-get")
    );
  const requirements: string[] = [];
  let noDeps = false;
  for (let at = start + 4; at < words.length; at += 1) {
    const [flag = "", inline] = splitOption(words[at] ?? "");
    const value = () => inline ?? words[++at] ?? "";
    if (!flag.startsWith("-")) requirements.push(flag);
    else if (flag === "--no-deps") noDeps = true;
    else if (flag === "--index-url" || flag === "-i") draft.indexUrl = value();
    else if (flag === "--extra-index-url") draft.extraIndexUrls.add(value());
    else if (flag === "--trusted-host") draft.trustedHosts.add(hostOf(value()));
    else if (!QUIET_FLAGS.has(flag)) return false;
  }
  draft.steps.push({ requirements, noDeps });
  return true;
}

function splitOption(word: string): [string, string?] {
  const equals = word.indexOf("=");
  if (!word.startsWith("--") || equals < 0) return [word];
  return [word.slice(0, equals), word.slice(equals + 1)];
}

/** The SDK passes whole index URLs as trusted hosts. */
function hostOf(value: string): string {
  return URL.canParse(value) ? new URL(value).host || value : value;
}

function withoutBundledKfp(step: InstallStep): InstallStep {
  if (!step.noDeps) return step;
  const bundled = step.requirements.some((text) => /^kfp\s*==/.test(text.trim()));
  if (!bundled) return step;
  const own = (text: string) => nameOf(text) === "kfp" || nameOf(text) === "typing-extensions";
  return { ...step, requirements: step.requirements.filter((text) => !own(text)) };
}

/** The project a requirement names, in its normal form (PEP 503); "" for a URL or a path. */
function nameOf(requirement: string): string {
  const match = /^\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*($|[=<>!~;@ ])/.exec(
    requirement,
  );
  return (match?.[1] ?? "").replace(/[-_.]+/g, "-").toLowerCase();
}
