import { DEFAULT_NAMESPACE } from "@tidemill/config";
import { SPEC_BYTES_MAX } from "../domain/limits.ts";
import { compilePlan, type Plan } from "../domain/plan.ts";
import { type LoadedSpec, loadSpec } from "../specs/load-spec.ts";
import type { ArtifactBlobs } from "../store/artifact-blobs.ts";
import type { SpecRecord } from "../store/records.ts";
import { loadSpecRow, SPEC_INLINE_BYTES_MAX } from "../store/spec-store.ts";
import type { OperationContext } from "./operation-context.ts";

/** A specification, sent whole or by the digest of a blob of the artifact service. */
export type SpecSource =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "digest"; readonly namespace: string; readonly digest: string };

/** Rows of specifications are shared by all namespaces, and so are the bytes of large ones. */
const SPECS_NAMESPACE = DEFAULT_NAMESPACE;

export interface ReadSource extends LoadedSpec {
  readonly bytes: Uint8Array;
}

/** Gets and checks a specification. Throws InvalidError, UnsupportedError or QuotaError. */
export async function readSource(
  { blobs }: { readonly blobs: ArtifactBlobs },
  source: SpecSource,
): Promise<ReadSource> {
  const bytes =
    source.kind === "bytes"
      ? source.bytes
      : await blobs.get(source.namespace, source.digest, SPEC_BYTES_MAX);
  return { ...(await loadSpec(bytes)), bytes };
}

/**
 * What is to be kept of a specification, whose bytes are put to the artifact service where a row
 * is not the place for them.
 */
export async function specRecordOf(
  { blobs, clock }: Pick<OperationContext, "blobs" | "clock">,
  { bytes, digest, pipelineName }: ReadSource,
): Promise<SpecRecord> {
  const isInline = bytes.byteLength <= SPEC_INLINE_BYTES_MAX;
  if (!isInline) await blobs.put(SPECS_NAMESPACE, bytes);
  return {
    digest,
    sizeBytes: bytes.byteLength,
    pipelineName,
    content: isInline ? bytes : undefined,
    createdAt: clock.now(),
  };
}

/** The bytes of a specification that is kept, from its row or from the artifact service. */
export async function readKeptSpec(
  { database, blobs }: Pick<OperationContext, "database" | "blobs">,
  digest: string,
): Promise<Uint8Array> {
  const { content, sizeBytes } = await loadSpecRow(database, digest);
  return content ?? (await blobs.get(SPECS_NAMESPACE, digest, sizeBytes));
}

/** The plan of a specification that was just read; later runs of it find it in memory. */
export function planOf(
  { plans }: Pick<OperationContext, "plans">,
  { spec, digest, bytes }: ReadSource,
): Plan {
  const plan = compilePlan(spec);
  plans.put(digest, plan, bytes.byteLength);
  return plan;
}
