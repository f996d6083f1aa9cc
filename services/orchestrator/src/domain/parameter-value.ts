/**
 * A resolved parameter. It stays JSON text from producer to consumer, so that a whole number is
 * never rewritten as `3.0` and a large one loses no digit. A text over
 * PARAMETER_INLINE_BYTES_MAX lies in the artifact service under its digest.
 */
export type ParameterValue =
  | { readonly kind: "json"; readonly json: string }
  | { readonly kind: "blob"; readonly digest: string; readonly sizeBytes: number };

export const PARAMETER_INLINE_BYTES_MAX = 64 * 1024;

/** Parameters by name. */
export type Parameters = Readonly<Record<string, ParameterValue>>;

/** One artifact as a task sees it; `id` names its record in the artifact service. */
export interface ArtifactValue {
  readonly id: string;
  readonly name: string;
  readonly schemaTitle: string;
  readonly schemaVersion: string;
  readonly instanceSchema: string;
  readonly uri: string;
  /** A JSON object, as text. */
  readonly metadataJson: string;
  /** Digest of the blob, or of the tree when `tree`; empty when nothing was written. */
  readonly digest: string;
  readonly tree: boolean;
  readonly sizeBytes: number;
}

/** Lists of artifacts by name. */
export type Artifacts = Readonly<Record<string, readonly ArtifactValue[]>>;
