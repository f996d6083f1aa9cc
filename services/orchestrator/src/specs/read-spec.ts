import type { FieldViolation } from "@tidemill/errors";
import { InvalidError, UnsupportedError } from "@tidemill/errors";
import type { PipelineSpec } from "../domain/ir.ts";
import type { Warning } from "../domain/journal-event.ts";
import { parseSpec, type SpecPurpose } from "../domain/parse-spec.ts";
import { type PathSegments, SpecError, UnsupportedSpecError } from "../domain/spec-error.ts";
import { findLine } from "./find-line.ts";
import { parseText } from "./parse-text.ts";

/** What became of a specification, as plain data that may pass between threads. */
export type SpecResult =
  | { readonly kind: "ok"; readonly spec: PipelineSpec; readonly warnings: readonly Warning[] }
  | {
      readonly kind: "invalid";
      readonly reason: string;
      readonly message: string;
      readonly violations: readonly FieldViolation[];
    }
  | { readonly kind: "unsupported"; readonly feature: string; readonly message: string };

/** Reads and checks a specification, on whichever thread it is called. Throws own bugs alone. */
export function readSpec(bytes: Uint8Array, purpose: SpecPurpose): SpecResult {
  let text = "";
  try {
    text = decode(bytes);
    const { documents } = parseText(text);
    return { kind: "ok", ...parseSpec(documents, purpose) };
  } catch (error) {
    if (error instanceof InvalidError) {
      const where = error instanceof SpecError ? lineOf(text, error.path) : "";
      return {
        kind: "invalid",
        reason: error.reason,
        message: where + error.message,
        violations: error.violations,
      };
    }
    if (error instanceof UnsupportedError) {
      const where = error instanceof UnsupportedSpecError ? lineOf(text, error.path) : "";
      const { feature = "" } = error.metadata;
      return { kind: "unsupported", feature, message: where + error.message };
    }
    throw error;
  }
}

function lineOf(text: string, path: PathSegments): string {
  const line = findLine(text, path);
  return line === undefined ? "" : `line ${line}: `;
}

function decode(bytes: Uint8Array): string {
  if (startsWith(bytes, [0x50, 0x4b, 0x03, 0x04]) || startsWith(bytes, [0x1f, 0x8b])) {
    throw new InvalidError(
      "SPEC_ARCHIVE",
      "the file is a compressed archive; unpack it and submit the YAML file in it",
    );
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw new InvalidError("SPEC_ENCODING", "the file is not valid UTF-8", [], { cause: error });
  }
  if (text.trim() === "") throw new InvalidError("SPEC_EMPTY", "the file is empty");
  return text;
}

function startsWith(bytes: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => bytes[index] === byte);
}
