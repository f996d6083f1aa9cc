import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  constant,
  input,
  output,
  parameter,
  pipelineDocument,
  tasksOf,
} from "../../test/pipeline-builder.ts";
import { driveRun, jsonParameters, OUTCOME } from "../../test/run-driver.ts";
import type { ParameterValue } from "./parameter-value.ts";

/** A pipeline whose task `leaf` declares `p` as given, within a pipeline that declares it too. */
function nested(outer: object, leaf: object, given: Readonly<Record<string, object>>): object {
  const component = (name: string, type: object, body: object) => ({
    [name]: { inputDefinitions: { parameters: { p: type, x: OPTIONAL } }, ...body },
  });
  return pipelineDocument({
    inputs: { p: OPTIONAL },
    tasks: { inner: { component: "inner", parameters: given } },
    components: {
      ...component("inner", outer, {
        dag: { tasks: tasksOf({ leaf: { component: "leaf", parameters: { p: input("p") } } }) },
      }),
      ...component("leaf", leaf, { executorLabel: "exec-step" }),
    },
  });
}

const OPTIONAL = parameter("STRING", { isOptional: true });
const REQUIRED = parameter("STRING");
const defaulted = (value: string) => parameter("STRING", { defaultValue: value, isOptional: true });

const cases: readonly {
  name: string;
  outer: object;
  leaf: object;
  given: Readonly<Record<string, object>>;
  inner: unknown;
  expected: Record<string, unknown> | string;
}[] = [
  {
    name: "what is given wins over every default",
    outer: defaulted("outer"),
    leaf: defaulted("leaf"),
    given: { p: constant("given") },
    inner: "given",
    expected: { p: "given" },
  },
  {
    name: "the default of the pipeline wins over the default of the task",
    outer: defaulted("outer"),
    leaf: defaulted("leaf"),
    given: {},
    inner: "outer",
    expected: { p: "outer" },
  },
  {
    name: "null within the pipeline lets the default of the task stand",
    outer: OPTIONAL,
    leaf: defaulted("leaf"),
    given: {},
    inner: null,
    expected: { p: "leaf" },
  },
  {
    name: "null is left out where there is no default",
    outer: OPTIONAL,
    leaf: OPTIONAL,
    given: {},
    inner: null,
    expected: {},
  },
  {
    name: "null of the run goes the same way",
    outer: OPTIONAL,
    leaf: defaulted("leaf"),
    given: { p: input("p") },
    inner: null,
    expected: { p: "leaf" },
  },
  {
    name: "null for a required input fails the task",
    outer: OPTIONAL,
    leaf: REQUIRED,
    given: {},
    inner: null,
    expected: 'input "p" is required and input "p" of the pipeline around it gives no value',
  },
];

describe("resolveInputs", () => {
  for (const c of cases) {
    it(c.name, () => {
      const driver = driveRun(nested(c.outer, c.leaf, c.given));
      assert.deepEqual(driver.task("inner").inputParameters.p, jsonParameters({ p: c.inner }).p);
      const leaf = driver.task("inner/leaf");
      if (typeof c.expected === "string") assert.equal(leaf.error?.message, c.expected);
      else assert.deepEqual(leaf.inputParameters, jsonParameters(c.expected));
    });
  }

  it("coerces what one task gives to the type that the next declares", () => {
    const driver = driveRun(produced("LIST", "STRING"));
    finish(driver, { kind: "json", json: '[1, {"a": "b c"}]' });
    assert.deepEqual(driver.task("b").inputParameters, jsonParameters({ x: '[1,{"a":"b c"}]' }));
  });

  it("takes names for names, also those that every object of the language has", () => {
    const driver = driveRun(
      pipelineDocument({
        inputs: { absent: OPTIONAL },
        tasks: {
          a: {
            parameters: {
              constructor: input("absent"),
              toString: constant("{{$.inputs.parameters['constructor']}}"),
              x: constant("<{{$.inputs.parameters['toString']}}>"),
            },
            component: "a",
          },
        },
        components: {
          a: {
            executorLabel: "exec-step",
            inputDefinitions: {
              parameters: { constructor: OPTIONAL, toString: OPTIONAL, x: OPTIONAL },
            },
          },
        },
      }),
    );
    assert.deepEqual(driver.task("a").inputParameters, jsonParameters({ x: "<>" }));
  });

  it("says what to do about a large value that would have to be read", () => {
    const blob: ParameterValue = { kind: "blob", digest: "d", sizeBytes: 70_000 };
    const coerced = driveRun(produced("LIST", "STRING"));
    finish(coerced, blob);
    assert.deepEqual(coerced.task("b").error, {
      reason: "VALUE_TOO_LARGE",
      message:
        'input "x" must be a string (STRING), and the value of 70000 bytes that it gets is too ' +
        "large to be converted (65536 at most, PARAMETER_INLINE_BYTES_MAX): declare it with the " +
        "type of what it comes from, or pass it as an artifact",
    });
    const composed = driveRun(
      produced("STRING", "STRING", "<{{$.inputs.parameters['pipelinechannel--a-out']}}>"),
    );
    finish(composed, blob);
    assert.deepEqual(composed.task("b").error, {
      reason: "VALUE_TOO_LARGE",
      message:
        'parameter "pipelinechannel--a-out" has 70000 bytes, too large to be put into a text ' +
        "(65536 at most, PARAMETER_INLINE_BYTES_MAX): make it an input of its own, which takes " +
        "values of any size, or pass it as an artifact",
    });
  });

  it("fails a task whose output is nested deeper than anybody could read it", () => {
    const driver = driveRun(produced("LIST", "LIST", undefined, { literals: [["a"], ["b"]] }));
    finish(driver, { kind: "json", json: "[".repeat(30_000) + "]".repeat(30_000) });
    assert.equal(driver.task("a").error?.reason, "OUTPUT_TYPE");
    assert.match(driver.task("a").error?.message ?? "", /nested deeper than 500 levels/);
  });

  it("cuts a value short in a message, but never in the middle of a character", () => {
    const driver = driveRun(produced("LIST", "LIST", undefined, { literals: [["a"]] }));
    finish(driver, { kind: "json", json: JSON.stringify([`${"x".repeat(77)}😀`]) });
    const { message = "" } = driver.task("b").error ?? {};
    assert.match(message, /must be one of/);
    assert.ok(message.isWellFormed(), message);
  });

  it("passes a value of the artifact service on unread, and fails where it would be read", () => {
    const blob: ParameterValue = { kind: "blob", digest: "d", sizeBytes: 70_000 };
    const fits = driveRun(produced("STRING", "STRING"));
    finish(fits, blob);
    assert.deepEqual(fits.task("b").inputParameters, { x: blob });
    const differs = driveRun(produced("LIST", "STRING"));
    finish(differs, blob);
    assert.equal(differs.task("b").error?.reason, "VALUE_TOO_LARGE");
  });
});

/** Task `b` takes the output of `a`, whole or within a text. */
function produced(from: string, to: string, text?: string, more: object = {}): object {
  return pipelineDocument({
    tasks: {
      a: { component: "a" },
      b: {
        component: "b",
        parameters:
          text === undefined
            ? { x: output("a") }
            : { "pipelinechannel--a-out": output("a"), x: constant(text) },
      },
    },
    components: {
      a: {
        executorLabel: "exec-step",
        inputDefinitions: { parameters: { x: OPTIONAL } },
        outputDefinitions: { parameters: { out: parameter(from) } },
      },
      b: {
        executorLabel: "exec-step",
        inputDefinitions: { parameters: { x: parameter(to, more) } },
      },
    },
  });
}

function finish(driver: ReturnType<typeof driveRun>, out: ParameterValue): void {
  const token = driver.dispatch("a");
  const result = { kind: "succeeded", parameters: { out }, artifacts: {} } as const;
  const taskId = driver.task("a").id;
  driver.send({ kind: "attemptFinished", taskId, token, outcome: OUTCOME, result });
}
