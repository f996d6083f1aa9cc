import { InvalidError } from "@tidemill/errors";
import type { Digest } from "./digest.ts";

/** Who made an artifact; empty strings where nobody said. */
export interface Producer {
  readonly runId: string;
  readonly taskId: string;
  readonly attemptId: string;
  readonly output: string;
}

/**
 * Where an artifact's bytes are; `none` for one that lies elsewhere and is known by its URI alone.
 */
export type ArtifactContent =
  | { readonly kind: "blob"; readonly digest: Digest }
  | { readonly kind: "tree"; readonly digest: Digest }
  | { readonly kind: "none" };

/** What is known about one artifact. Immutable. */
export interface Artifact {
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly schemaTitle: string;
  readonly schemaVersion: string;
  readonly instanceSchema: string;
  readonly uri: string;
  /** JSON text of an object. */
  readonly metadata: string;
  readonly content: ArtifactContent;
  readonly sizeBytes: number;
  readonly producer: Producer;
  readonly createdBy: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** What a caller says of a new artifact. */
export type ArtifactDraft = Omit<Artifact, "id" | "sizeBytes" | "createdAt">;

/** So deep may metadata be nested, so that no reader of it runs out of stack. */
const METADATA_DEPTH_MAX = 64;

/** A new artifact; its content must be known to exist. Throws InvalidError BAD_METADATA. */
export function createArtifact(
  draft: ArtifactDraft,
  facts: { readonly id: string; readonly now: number; readonly sizeBytes: number },
): Artifact {
  return {
    ...draft,
    metadata: requireMetadata(draft.metadata),
    id: facts.id,
    sizeBytes: facts.sizeBytes,
    createdAt: facts.now,
  };
}

function requireMetadata(text: string): string {
  if (text === "") return "{}";
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw badMetadata(error instanceof Error ? error.message : "it is no JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badMetadata(`it is ${describe(value)}`);
  }
  if (depthOf(value) > METADATA_DEPTH_MAX) {
    throw badMetadata(`it is nested deeper than ${METADATA_DEPTH_MAX} levels`);
  }
  // Text columns take no NUL, and a lone surrogate is no text at all.
  if (text.includes("\0") || !text.isWellFormed()) throw badMetadata("it is no valid text");
  return text;
}

function describe(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a ${typeof value}`;
}

function depthOf(root: object): number {
  let depth = 0;
  for (let level: unknown[] = [root]; level.length > 0 && depth <= METADATA_DEPTH_MAX; depth += 1) {
    level = level.flatMap((value) => Object.values(value as object)).filter(isContainer);
  }
  return depth;
}

function isContainer(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function badMetadata(why: string): InvalidError {
  const rule = "send a JSON object";
  return new InvalidError("BAD_METADATA", `metadata_json cannot be kept, ${why}: ${rule}`, [
    { field: "metadata_json", description: rule },
  ]);
}
