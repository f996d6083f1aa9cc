import type { EnvVariable, Executor, Resources } from "./ir.ts";
import { ARGUMENTS_MAX, VARIABLES_MAX } from "./limits.ts";
import {
  describe,
  type Item,
  isSet,
  messageShape,
  problem,
  type Reading,
  readList,
  readMessage,
  readRequiredText,
  readText,
  refuse,
} from "./spec-reader.ts";

const EXECUTOR = messageShape("an executor", ["container", "importer", "resolver", "customJob"]);
const CONTAINER = messageShape("a container", [
  "image",
  "command",
  "args",
  "lifecycle",
  "resources",
  "env",
]);
const VARIABLE = messageShape("an environment variable", ["name", "value"]);
const RESOURCES = messageShape("resources", [
  "cpuLimit",
  "memoryLimit",
  "cpuRequest",
  "memoryRequest",
  "resourceCpuLimit",
  "resourceMemoryLimit",
  "resourceCpuRequest",
  "resourceMemoryRequest",
  "accelerator",
]);
const ACCELERATOR = messageShape("an accelerator", [
  "type",
  "count",
  "resourceType",
  "resourceCount",
]);

/** Characters of one argument or variable: the source of a Python component is one argument. */
const ARGUMENT_LENGTH_MAX = 32 * 1024 * 1024;

const REFUSED_KINDS: ReadonlyMap<string, string> = new Map([
  ["importer", "importing artifacts (dsl.importer)"],
  ["resolver", "resolvers"],
  ["customJob", "custom jobs of Vertex AI"],
]);

// Not images at all: the cluster's backend acts on these names itself.
const REFUSED_IMAGES: ReadonlyMap<string, string> = new Map([
  ["argostub/createpvc", "volumes (kubernetes.CreatePVC)"],
  ["argostub/deletepvc", "volumes (kubernetes.DeletePVC)"],
]);

const NO_RESOURCES: Resources = {
  cpuRequest: "",
  cpuLimit: "",
  memoryRequest: "",
  memoryLimit: "",
  acceleratorCount: "",
  acceleratorType: "",
};

/** Undefined when it was refused as not supported. */
export function parseExecutor(item: Item, reading: Reading): Executor | undefined {
  const fields = readMessage(item, EXECUTOR, reading);
  for (const [kind, feature] of REFUSED_KINDS) {
    if (!fields.has(kind)) continue;
    refuse(reading, item.at, feature);
    return undefined;
  }
  const around = fields.get("container");
  if (around === undefined) throw problem(item.at, 'must have "container"');
  const container = readMessage(around, CONTAINER, reading);
  const image = readRequiredText(container, "image", around);
  const refused = REFUSED_IMAGES.get(image);
  if (refused !== undefined) {
    refuse(reading, item.at, refused);
    return undefined;
  }
  return {
    image,
    command: readArguments(container.get("command"), "command"),
    args: readArguments(container.get("args"), "args"),
    env: readList(container.get("env"), "env", VARIABLES_MAX).map((variable) =>
      parseVariable(variable, reading),
    ),
    resources: parseResources(container.get("resources"), reading),
  };
}

function readArguments(item: Item | undefined, what: string): string[] {
  return readList(item, what, ARGUMENTS_MAX).map((argument) =>
    readText(argument, ARGUMENT_LENGTH_MAX),
  );
}

function parseVariable(item: Item, reading: Reading): EnvVariable {
  const fields = readMessage(item, VARIABLE, reading);
  const name = readRequiredText(fields, "name", item);
  const value = readText(fields.get("value"), ARGUMENT_LENGTH_MAX);
  if (name.includes("=")) throw problem(item.at, `the name "${name}" must not contain "="`);
  if (name === "__proto__") throw problem(item.at, `the name "${name}" is reserved`);
  return { name, value };
}

function parseResources(item: Item | undefined, reading: Reading): Resources {
  if (!isSet(item)) return NO_RESOURCES;
  const fields = readMessage(item, RESOURCES, reading);
  const accelerator = fields.get("accelerator");
  const accelerators = isSet(accelerator)
    ? readMessage(accelerator, ACCELERATOR, reading)
    : undefined;
  const cpu = (text: string, number: string) =>
    readText(fields.get(text)) || readNumber(fields.get(number), "");
  const memory = (text: string, number: string) =>
    // The deprecated numbers count gigabytes.
    readText(fields.get(text)) || readNumber(fields.get(number), "G");
  return {
    cpuRequest: cpu("resourceCpuRequest", "cpuRequest"),
    cpuLimit: cpu("resourceCpuLimit", "cpuLimit"),
    memoryRequest: memory("resourceMemoryRequest", "memoryRequest"),
    memoryLimit: memory("resourceMemoryLimit", "memoryLimit"),
    acceleratorCount:
      readCount(accelerators?.get("resourceCount")) || readCount(accelerators?.get("count")),
    acceleratorType:
      readText(accelerators?.get("resourceType")) || readText(accelerators?.get("type")),
  };
}

function readNumber(item: Item | undefined, unit: string): string {
  if (!isSet(item)) return "";
  if (typeof item.value !== "number" || !Number.isFinite(item.value) || item.value < 0) {
    throw problem(item.at, `must be a number that is not negative, got ${describe(item.value)}`);
  }
  return `${item.value}${unit}`;
}

/** A 64-bit number, which the JSON form of protobuf writes as text or as a number. */
function readCount(item: Item | undefined): string {
  if (!isSet(item)) return "";
  if (typeof item.value === "number") return String(item.value);
  return readText(item);
}
