import { InvalidError } from "@tidemill/errors";
import { checkSpec, refuseUnsupported } from "./check-spec.ts";
import type { Component, Executor, PipelineSpec } from "./ir.ts";
import type { Warning } from "./journal-event.ts";
import { COMPONENTS_MAX } from "./limits.ts";
import { nameProblem, pipelineNameProblem } from "./names.ts";
import { parseComponent } from "./parse-component.ts";
import { parseExecutor } from "./parse-executor.ts";
import { readPlatforms } from "./parse-platforms.ts";
import {
  describe,
  type Fields,
  type Item,
  isSet,
  messageShape,
  problem,
  type Reading,
  readMap,
  readMessage,
  readRequiredText,
  readText,
  requireName,
  type SpecPurpose,
  segmentsOf,
  warn,
} from "./spec-reader.ts";

export type { SpecPurpose } from "./spec-reader.ts";

export interface ParsedSpec {
  readonly spec: PipelineSpec;
  readonly warnings: readonly Warning[];
}

const SCHEMA_VERSION = "2.1.0";
const DESCRIPTION_LENGTH_MAX = 1024 * 1024;

const PIPELINE_SPEC = messageShape("the pipeline specification", [
  "pipelineInfo",
  "deploymentSpec",
  "sdkVersion",
  "schemaVersion",
  "components",
  "root",
  "defaultPipelineRoot",
]);
const PIPELINE_INFO = messageShape("pipelineInfo", ["name", "displayName", "description"]);
const DEPLOYMENT = messageShape("deploymentSpec", ["executors"]);

/**
 * Reads the documents of a compiled pipeline, as plain JSON values, and checks that it can run.
 * Throws SpecError (an InvalidError) for what is wrong and UnsupportedSpecError for what KFP can do
 * and Tidemill cannot yet, each with the path of it; nothing else, whatever it is given.
 *
 * One that was accepted is only read, so that a check that came later never holds up its runs.
 * Therefore a new check is made in checkSpec or through `refuse` or `requireName`, which leave what
 * they concern in the result; what throws here may become more liberal and never more strict.
 */
export function parseSpec(documents: readonly unknown[], purpose: SpecPurpose = "new"): ParsedSpec {
  const reading: Reading = { purpose, warnings: [], unsupported: [] };
  const { spec: item, platforms } = sortDocuments(documents, reading);
  const spec = parsePipeline(item, reading);
  if (purpose === "accepted") return { spec, warnings: reading.warnings };
  if (platforms !== undefined) readPlatforms(platforms, reading);
  refuseUnsupported(spec, reading);
  checkSpec(spec, segmentsOf(item.at), reading);
  return { spec, warnings: reading.warnings };
}

interface SortedDocuments {
  readonly spec: Item;
  readonly platforms: Item | undefined;
}

function sortDocuments(documents: readonly unknown[], reading: Reading): SortedDocuments {
  let spec: Item | undefined;
  let platforms: Item | undefined;
  const take = (value: unknown, at: Item["at"]): void => {
    if (isSpec(value)) {
      if (spec !== undefined) throw problem(at, "the file holds two pipeline specifications");
      spec = { value, at };
    } else if (hasKey(value, "platforms")) {
      if (platforms !== undefined) throw problem(at, "the file holds two platform specifications");
      platforms = { value, at };
    } else {
      refuseForeign(value);
      warn(reading, "UNKNOWN_DOCUMENT", "a document that is no part of a pipeline is ignored");
    }
  };
  for (const document of documents) {
    if (document === null || document === undefined) continue;
    const inner = ownValue(document, "pipeline_spec") ?? ownValue(document, "pipelineSpec");
    if (inner === undefined) {
      take(document, undefined);
      continue;
    }
    const snake = ownValue(document, "pipeline_spec") !== undefined;
    const key = snake ? "pipeline_spec" : "pipelineSpec";
    take(inner, { parent: undefined, key });
    const around = ownValue(document, "platform_spec") ?? ownValue(document, "platformSpec");
    if (around !== undefined && around !== null && hasKey(around, "platforms")) {
      take(around, { parent: undefined, key: snake ? "platform_spec" : "platformSpec" });
    }
  }
  if (spec !== undefined) return { spec, platforms };
  throw new InvalidError(
    "NOT_A_PIPELINE",
    "the file holds no compiled pipeline: none of its documents is an object with pipelineInfo " +
      `and root; it begins with ${describe(documents[0])}`,
  );
}

function isSpec(value: unknown): boolean {
  return ["pipelineInfo", "pipeline_info", "root", "schemaVersion", "schema_version"].some((key) =>
    hasKey(value, key),
  );
}

/** Names the files that are taken for compiled pipelines most often. */
function refuseForeign(value: unknown): void {
  const apiVersion = ownValue(value, "apiVersion");
  const kind = ownValue(value, "kind");
  if (typeof apiVersion === "string" && apiVersion.startsWith("argoproj.io/")) {
    throw new InvalidError(
      "KFP_V1_WORKFLOW",
      `this is an Argo ${describe(kind)} (apiVersion ${describe(apiVersion)}), ` +
        "which KFP 1.x compiles to; compile the pipeline with kfp 2 (kfp.compiler.Compiler) " +
        "and submit that file",
    );
  }
  if (hasKey(value, "implementation")) {
    throw new InvalidError(
      "NOT_A_PIPELINE",
      "this is the definition of a component, not a pipeline; load it with " +
        "kfp.components.load_component_from_file and compile it with kfp.compiler.Compiler",
    );
  }
  if (typeof apiVersion === "string" && hasKey(value, "metadata")) {
    throw new InvalidError(
      "NOT_A_PIPELINE",
      `this is a Kubernetes manifest of kind ${describe(kind)}, not a compiled pipeline`,
    );
  }
}

function parsePipeline(item: Item, reading: Reading): PipelineSpec {
  const fields = readMessage(item, PIPELINE_SPEC, reading);
  checkVersion(fields, item);
  const about = fields.get("pipelineInfo");
  if (about === undefined) throw problem({ parent: item.at, key: "pipelineInfo" }, "is required");
  const info = readMessage(about, PIPELINE_INFO, reading);
  const name = readRequiredText(info, "name", about);
  requireName(reading, info.get("name")?.at, pipelineNameProblem(name));
  const root = fields.get("root");
  if (root === undefined) throw problem({ parent: item.at, key: "root" }, "is required");
  return {
    name,
    displayName: readText(info.get("displayName")),
    description: readText(info.get("description"), DESCRIPTION_LENGTH_MAX),
    sdkVersion: readText(fields.get("sdkVersion")),
    defaultPipelineRoot: readText(fields.get("defaultPipelineRoot")),
    root: parseComponent("root", root, reading),
    components: parseComponents(fields.get("components"), reading),
    executors: parseExecutors(fields.get("deploymentSpec"), reading),
  };
}

function checkVersion(fields: Fields, item: Item): void {
  const version = fields.get("schemaVersion");
  if (version?.value === SCHEMA_VERSION) return;
  if (version === undefined) {
    throw problem({ parent: item.at, key: "schemaVersion" }, `is required; "${SCHEMA_VERSION}"`);
  }
  throw problem(
    version.at,
    `must be "${SCHEMA_VERSION}", got ${describe(version.value)}; compile the pipeline with kfp 2`,
  );
}

function parseComponents(item: Item | undefined, reading: Reading): Map<string, Component> {
  const components = new Map<string, Component>();
  for (const [name, component] of readMap(item, "components", COMPONENTS_MAX)) {
    requireName(reading, component.at, nameProblem(name));
    components.set(name, parseComponent(name, component, reading));
  }
  return components;
}

function parseExecutors(item: Item | undefined, reading: Reading): Map<string, Executor> {
  const executors = new Map<string, Executor>();
  if (!isSet(item)) return executors;
  const fields = readMessage(item, DEPLOYMENT, reading);
  for (const [label, inner] of readMap(fields.get("executors"), "executors", COMPONENTS_MAX)) {
    requireName(reading, inner.at, nameProblem(label));
    const executor = parseExecutor(inner, reading);
    if (executor !== undefined) executors.set(label, executor);
  }
  return executors;
}

function hasKey(value: unknown, key: string): boolean {
  return ownValue(value, key) !== undefined;
}

function ownValue(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;
}
