import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "../src/root.ts";
import type { Json } from "../src/test-mesh.ts";

/** Where the homes of released versions lie. */
export const homesDirectory = join(root, "e2e/homes");

/** Names inside the folder of one home; the rest is as it lies in a home. */
export const RECORD_FILE = "record.json";
export const DATABASES = "databases";
export const VERSION_FILE = "version.json";
export const ARTIFACTS = "artifacts";

/** What the mesh that made a home answered shortly before it was killed. */
export interface HomeRecord {
  readonly release: string;
  /** `run get` of those that had ended, and `run list` of their namespace says the same of them. */
  readonly ended: readonly EndedRun[];
  readonly inFlight: {
    readonly id: string;
    readonly name: string;
    /** Output parameters that it must end with. */
    readonly outputs: Readonly<Record<string, Json>>;
  };
  /** Names of the uploaded pipelines. */
  readonly pipelines: readonly string[];
}

interface EndedRun {
  readonly namespace: string;
  readonly document: Json;
  /** What its tasks printed, as `run logs` shows it, stdout only. */
  readonly logs: string;
  /** Text of its artifacts by their id. */
  readonly artifactTexts: Readonly<Record<string, string>>;
}

/** Versions that a home was kept of, oldest first. */
export function releasedHomes(): string[] {
  const entries = readdirSync(homesDirectory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return names.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

export function readRecord(release: string): HomeRecord {
  return JSON.parse(readFileSync(join(homesDirectory, release, RECORD_FILE), "utf8"));
}
