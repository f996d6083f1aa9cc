import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvalidError, TidemillError, UnsupportedError } from "@tidemill/errors";
import fc from "fast-check";
import {
  constant,
  DATASET,
  input,
  output,
  type PipelineDraft,
  parameter,
  pipelineDocument,
  tasksOf,
} from "../../test/pipeline-builder.ts";
import { parseSpec } from "./parse-spec.ts";

const OK = pipelineDocument({ tasks: { a: {}, b: { parameters: { x: output("a") } } } });

/** The document with one value replaced, or removed when it is undefined. */
function changed(path: readonly string[], value: unknown, base: object = OK): object {
  const [key = "", ...rest] = path;
  const copy: Record<string, unknown> = { ...base };
  const inner = copy[key];
  if (rest.length === 0) copy[key] = value;
  else copy[key] = changed(rest, value, typeof inner === "object" && inner !== null ? inner : {});
  return copy;
}

const TASKS = ["root", "dag", "tasks"];
const A = [...TASKS, "a"];
const STEP = ["components", "step"];
const CONTAINER = ["deploymentSpec", "executors", "exec-step", "container"];
const draft = (tasks: PipelineDraft["tasks"], more: Omit<PipelineDraft, "tasks"> = {}) =>
  pipelineDocument({ tasks, ...more });
const typed = (type: string, value: unknown, more: object = {}) =>
  draft(
    { a: { component: "typed", parameters: { p: constant(value) } } },
    {
      components: {
        typed: {
          executorLabel: "exec-step",
          inputDefinitions: { parameters: { p: parameter(type, more), x: OPTIONAL } },
        },
      },
    },
  );
const OPTIONAL = parameter("STRING", { isOptional: true });

const wrong: readonly { name: string; document: object; field: string; says: RegExp }[] = [
  {
    name: "another schema version",
    document: changed(["schemaVersion"], "2.0.0"),
    field: "schemaVersion",
    says: /must be "2.1.0", got "2.0.0"/,
  },
  {
    name: "no schema version",
    document: changed(["schemaVersion"], undefined),
    field: "schemaVersion",
    says: /must be "2.1.0", got nothing/,
  },
  {
    name: "no name",
    document: changed(["pipelineInfo"], {}),
    field: "pipelineInfo.name",
    says: /is required/,
  },
  {
    name: "a name that is none",
    document: changed(["pipelineInfo", "name"], "Über uns"),
    field: "pipelineInfo.name",
    says: /"Über uns" must be lower-case/,
  },
  {
    name: "a display name with a NUL character, which no database keeps",
    document: changed([...A, "taskInfo", "name"], "a\0b"),
    field: "root.dag.tasks.a.taskInfo.name",
    says: /must not contain a NUL character/,
  },
  {
    name: "half a character",
    document: changed(["pipelineInfo", "description"], "a\ud83d"),
    field: "pipelineInfo.description",
    says: /must not contain half a character/,
  },
  {
    name: "a variable that an object of the language cannot hold",
    document: changed([...CONTAINER, "env"], [{ name: "__proto__", value: "x" }]),
    field: "deploymentSpec.executors.exec-step.container.env[0]",
    says: /"__proto__" is reserved/,
  },
  {
    name: "a constant larger than a journal should hold",
    document: changed([...A, "inputs", "parameters", "x"], constant("x".repeat(1024 * 1024))),
    field: "root.dag.tasks.a.inputs.parameters.x.runtimeValue.constant",
    says: /1048578 characters, more than the 1048576 allowed \(CONSTANT_LENGTH_MAX\); pass it as/,
  },
  {
    name: "a default larger than a journal should hold",
    document: changed(
      [...STEP, "inputDefinitions", "parameters", "x", "defaultValue"],
      "x".repeat(1024 * 1024),
    ),
    field: "components.step.inputDefinitions.parameters.x.defaultValue",
    says: /1048578 characters, more than the 1048576 allowed \(CONSTANT_LENGTH_MAX\)/,
  },
  {
    name: "an output of a pipeline that cannot have the type it declares",
    document: draft(
      { a: {} },
      {
        outputs: {
          definitions: { parameters: { o: parameter("NUMBER_INTEGER") } },
          from: {
            parameters: {
              o: { valueFromParameter: { producerSubtask: "a", outputParameterKey: "out" } },
            },
          },
        },
      },
    ),
    field: "root.dag.outputs.parameters.o",
    says: /must be a whole number .*, but what it comes from is a string/,
  },
  {
    name: "a name too long",
    document: changed(["pipelineInfo", "name"], "a".repeat(129)),
    field: "pipelineInfo.name",
    says: /129 characters, more than the 128/,
  },
  {
    name: "a task key that climbs",
    document: changed(TASKS, tasksOf({ "..": {} })),
    field: 'root.dag.tasks[".."]',
    says: /names a directory/,
  },
  {
    name: "a task key too long",
    document: changed(TASKS, tasksOf({ ["é".repeat(101)]: {} })),
    field: `root.dag.tasks["${"é".repeat(101)}"]`,
    says: /202 bytes, more than the 200/,
  },
  {
    name: "an output that climbs",
    document: changed([...STEP, "outputDefinitions", "artifacts"], { "../x": DATASET }),
    field: 'components.step.outputDefinitions.artifacts["../x"]',
    says: /must not contain \//,
  },
  {
    name: "no tasks",
    document: changed(TASKS, {}),
    field: "root.dag.tasks",
    says: /at least one task/,
  },
  {
    name: "a root that runs something",
    document: changed(["root"], { executorLabel: "exec-step" }),
    field: "root",
    says: /must have a "dag"/,
  },
  {
    name: "an unknown component",
    document: changed([...A, "componentRef", "name"], "nothing"),
    field: "root.dag.tasks.a.componentRef.name",
    says: /no component "nothing"/,
  },
  {
    name: "an unknown executor",
    document: changed([...STEP, "executorLabel"], "nothing"),
    field: "components.step.executorLabel",
    says: /no executor "nothing"/,
  },
  {
    name: "a component that is both",
    document: changed([...STEP, "dag"], { tasks: {} }),
    field: "components.step",
    says: /either "dag" or "executorLabel"/,
  },
  {
    name: "a cycle",
    document: draft({ a: { after: ["c"] }, b: { after: ["a"] }, c: { after: ["b"] } }),
    field: "root.dag.tasks.a",
    says: /a -> c -> b -> a/,
  },
  {
    name: "a task after itself",
    document: draft({ a: { after: ["a"] } }),
    field: "root.dag.tasks.a",
    says: /a -> a/,
  },
  {
    name: "a pipeline that contains itself",
    document: draft(
      { a: { component: "one" } },
      {
        components: {
          one: { dag: { tasks: tasksOf({ x: { component: "two" } }) } },
          two: { dag: { tasks: tasksOf({ y: { component: "one" } }) } },
        },
      },
    ),
    field: "components.one",
    says: /contains itself: one -> two -> one/,
  },
  {
    name: "a producer that is not there",
    document: draft({ a: { parameters: { x: output("ghost") } } }),
    field: "root.dag.tasks.a.inputs.parameters.x",
    says: /no task "ghost"/,
  },
  {
    name: "an output that is not there",
    document: draft({ a: {}, b: { parameters: { x: output("a", "ghost") } } }),
    field: "root.dag.tasks.b.inputs.parameters.x",
    says: /task "a" has no output parameter "ghost"/,
  },
  {
    name: "a dependency that is not there",
    document: draft({ a: { after: ["ghost"] } }),
    field: "root.dag.tasks.a.dependentTasks[0]",
    says: /no task "ghost"/,
  },
  {
    name: "an input that the component does not have",
    document: draft({ a: { parameters: { z: constant("1") } } }),
    field: "root.dag.tasks.a.inputs.parameters.z",
    says: /component "step" has no input parameter "z"/,
  },
  {
    name: "an input of the pipeline that is not there",
    document: draft({ a: { parameters: { x: input("ghost") } } }),
    field: "root.dag.tasks.a.inputs.parameters.x",
    says: /the pipeline has no input parameter "ghost"/,
  },
  {
    name: "a required input that nobody gives",
    document: changed([...STEP, "inputDefinitions", "parameters", "x"], parameter("STRING")),
    field: "root.dag.tasks.a.inputs.parameters",
    says: /requires the input parameter "x"/,
  },
  {
    name: "a constant of another type",
    document: typed("NUMBER_INTEGER", "three"),
    field: "root.dag.tasks.a.inputs.parameters.p.runtimeValue.constant",
    says: /must be a whole number \(NUMBER_INTEGER\), got "three"/,
  },
  {
    name: "a constant that is none of the literals",
    document: typed("STRING", "c", { literals: ["a", "b"] }),
    field: "root.dag.tasks.a.inputs.parameters.p.runtimeValue.constant",
    says: /must be one of "a", "b", got "c"/,
  },
  {
    name: "a default of another type",
    document: changed(
      [...STEP, "inputDefinitions", "parameters", "x"],
      parameter("LIST", { defaultValue: { a: 1 } }),
    ),
    field: "components.step.inputDefinitions.parameters.x.defaultValue",
    says: /must be a list/,
  },
  {
    name: "a source of another type",
    document: draft(
      { a: { component: "typed", parameters: { p: output("b") } }, b: {} },
      {
        components: {
          typed: {
            executorLabel: "exec-step",
            inputDefinitions: { parameters: { p: parameter("LIST"), x: OPTIONAL } },
          },
        },
      },
    ),
    field: "root.dag.tasks.a.inputs.parameters.p",
    says: /must be a list \(LIST\), but what it comes from is a string/,
  },
  {
    name: "an unknown type",
    document: changed([...STEP, "inputDefinitions", "parameters", "x"], parameter("NUMBER")),
    field: "components.step.inputDefinitions.parameters.x.parameterType",
    says: /must be one of NUMBER_DOUBLE/,
  },
  {
    name: "a constant that mentions itself",
    document: draft({ a: { parameters: { x: constant("-{{$.inputs.parameters['x']}}") } } }),
    field: "root.dag.tasks.a.inputs.parameters.x",
    says: /lead back to it: x -> x/,
  },
  {
    name: "a placeholder of what is not there",
    document: changed([...CONTAINER, "args"], ["{{$.outputs.artifacts['ghost'].uri}}"]),
    field: "deploymentSpec.executors.exec-step.container.args[0]",
    says: /no output artifact "ghost"/,
  },
  {
    name: "a structure that is none",
    document: changed([...CONTAINER, "args"], ['{"Concat": "a"}']),
    field: "deploymentSpec.executors.exec-step.container.args[0]",
    says: /begins as Concat or IfPresent/,
  },
  {
    name: "no image",
    document: changed([...CONTAINER, "image"], ""),
    field: "deploymentSpec.executors.exec-step.container.image",
    says: /is required/,
  },
  {
    name: "a quantity that is none",
    document: changed([...CONTAINER, "resources"], { resourceMemoryLimit: "lots" }),
    field: "deploymentSpec.executors.exec-step.container.resources.resourceMemoryLimit",
    says: /"lots" is no quantity/,
  },
  {
    name: "an object where a list belongs",
    document: changed([...CONTAINER, "command"], {}),
    field: "deploymentSpec.executors.exec-step.container.command",
    says: /must be a list/,
  },
  {
    name: "more tasks than allowed once nested pipelines are unfolded",
    document: unfolding(17),
    field: "root",
    says: /would have 131070 tasks, more than the 100000 allowed \(TASKS_MAX\)/,
  },
  {
    name: "pipelines nested too deep",
    document: nesting(66),
    field: "root",
    says: /nested 66 deep, more than the 64/,
  },
];

/** Each level has two tasks of the next. */
function unfolding(levels: number): object {
  const components: Record<string, object> = {};
  for (let level = 1; level < levels - 1; level++) {
    const component = level === levels - 2 ? "step" : `level-${level + 1}`;
    components[`level-${level}`] = {
      dag: { tasks: tasksOf({ a: { component }, b: { component } }) },
    };
  }
  return draft({ a: { component: "level-1" }, b: { component: "level-1" } }, { components });
}

function nesting(levels: number): object {
  const components: Record<string, object> = {};
  for (let level = 1; level < levels; level++) {
    const component = level === levels - 1 ? "step" : `level-${level + 1}`;
    components[`level-${level}`] = { dag: { tasks: tasksOf({ a: { component } }) } };
  }
  return draft({ a: { component: "level-1" } }, { components });
}

const refused: readonly { name: string; document: object; feature: RegExp; field: RegExp }[] = [
  {
    name: "several artifact selectors",
    document: changed(["root", "dag", "outputs"], {
      artifacts: { o: { artifactSelectors: [{ producerSubtask: "a" }, { producerSubtask: "b" }] } },
    }),
    feature: /dsl\.OneOf/,
    field: /^root\.dag\.outputs\.artifacts\.o/,
  },
  {
    name: "an iterator of artifacts",
    document: changed([...A, "artifactIterator"], { itemInput: "x" }),
    feature: /dsl\.ParallelFor/,
    field: /^root\.dag\.tasks\.a/,
  },
  {
    name: "a resolver",
    document: changed(["deploymentSpec", "executors", "exec-step"], { resolver: {} }),
    feature: /resolvers/,
    field: /\(task "a", "b"\)/,
  },
  {
    name: "a custom job",
    document: changed(["deploymentSpec", "executors", "exec-step"], { customJob: {} }),
    feature: /Vertex AI/,
    field: /exec-step/,
  },
  {
    name: "a selector expression",
    document: changed([...A, "inputs", "parameters"], {
      x: { ...output("b"), parameterExpressionSelector: 'parseJson(string_value)["k"]' },
    }),
    feature: /parameterExpressionSelector/,
    field: /inputs\.parameters\.x/,
  },
  {
    name: "a passthrough of task configuration",
    document: changed([...STEP, "taskConfigPassthroughs"], [{ field: "ENV" }]),
    feature: /dsl\.TaskConfig/,
    field: /components\.step/,
  },
  {
    name: "the workspace path in a value",
    document: draft({ a: { parameters: { x: constant("{{$.workspace_path}}/f") } } }),
    feature: /workspaces/,
    field: /inputs\.parameters\.x/,
  },
  {
    name: "a placeholder of Vertex AI in an argument",
    document: changed([...CONTAINER, "args"], ["{{$.pipeline_google_cloud_location}}"]),
    feature: /Vertex AI/,
    field: /args\[0\]/,
  },
  {
    name: "a container without a command",
    document: changed(CONTAINER, { image: "hello-world" }),
    feature: /entrypoint of its image/,
    field: /executors\.exec-step\.container/,
  },
];

const foreign: readonly { name: string; documents: unknown[]; reason: string; says: RegExp }[] = [
  {
    name: "a workflow of KFP 1.x",
    documents: [{ apiVersion: "argoproj.io/v1alpha1", kind: "Workflow", spec: {} }],
    reason: "KFP_V1_WORKFLOW",
    says: /Argo "Workflow".*KFP 1\.x.*compile the pipeline with kfp 2/,
  },
  {
    name: "the definition of a component",
    documents: [{ name: "x", implementation: { container: {} } }],
    reason: "NOT_A_PIPELINE",
    says: /definition of a component/,
  },
  {
    name: "another manifest",
    documents: [{ apiVersion: "v1", kind: "ConfigMap", metadata: {} }],
    reason: "NOT_A_PIPELINE",
    says: /Kubernetes manifest of kind "ConfigMap"/,
  },
  { name: "a text", documents: ["hello"], reason: "NOT_A_PIPELINE", says: /begins with "hello"/ },
  { name: "nothing", documents: [], reason: "NOT_A_PIPELINE", says: /begins with nothing/ },
  { name: "two pipelines", documents: [OK, OK], reason: "SPEC_INVALID", says: /two pipeline/ },
];

function failure(documents: readonly unknown[]): TidemillError {
  try {
    parseSpec(documents);
  } catch (error) {
    if (error instanceof TidemillError) return error;
    throw error;
  }
  return assert.fail("it was accepted");
}

/** The same document with every key of a message in snake_case. */
function snakeCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCase);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeCase(inner),
    ]),
  );
}

describe("parseSpec", () => {
  for (const c of wrong) {
    it(`refuses ${c.name} and says where`, () => {
      const error = failure([c.document]);
      assert.ok(error instanceof InvalidError, error.message);
      assert.equal(error.violations[0]?.field, c.field);
      assert.match(error.message, c.says);
    });
  }
  for (const c of refused) {
    it(`names ${c.name} as not supported`, () => {
      const error = failure([c.document]);
      assert.ok(error instanceof UnsupportedError, error.message);
      assert.match(error.metadata.feature ?? "", c.feature);
      assert.match(error.message, c.field);
    });
  }
  for (const c of foreign) {
    it(`recognises ${c.name}`, () => {
      const error = failure(c.documents);
      assert.equal(error.reason, c.reason);
      assert.match(error.message, c.says);
    });
  }

  it("reads camelCase, snake_case, and both documents in one wrapper alike", () => {
    const { spec } = parseSpec([OK]);
    assert.deepEqual(parseSpec([snakeCase(OK)]).spec, spec);
    assert.deepEqual(parseSpec([{ pipeline_spec: OK, platform_spec: {} }]).spec, spec);
    const platforms = { platforms: { kubernetes: { deploymentSpec: { executors: {} } } } };
    assert.deepEqual(parseSpec([null, OK, platforms]).spec, spec);
  });

  it("warns of fields, documents and platforms that it does not know, and goes on", () => {
    const { warnings } = parseSpec([
      changed(["novelty"], 1),
      { kind: "note" },
      { platforms: { google: {} } },
    ]);
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ["UNKNOWN_DOCUMENT", "UNKNOWN_FIELD", "PLATFORM_IGNORED"],
    );
  });

  it("refuses an executor so large that all who share it would take too long to check", () => {
    const component = { executorLabel: "exec-step", inputDefinitions: {} };
    const names = Array.from({ length: 40 }, (_, index) => `c${index}`);
    const error = failure([
      changed(
        [...CONTAINER, "args"],
        ["x".repeat(500_000)],
        draft({ a: {} }, { components: Object.fromEntries(names.map((n) => [n, component])) }),
      ),
    ]);
    assert.equal(error.reason, "LIMIT_EXCEEDED");
    assert.match(error.message, /components that share executors .* \(SHARED_TEXT_LENGTH_MAX\)/);
  });

  it("keeps its warnings short, whatever stands in the file", () => {
    const { warnings } = parseSpec([
      changed(["k\0\ud800".repeat(100_000)], 1),
      { platforms: { ["p".repeat(100_000)]: {} } },
    ]);
    assert.equal(warnings.length, 2);
    for (const { message } of warnings) {
      assert.ok(message.length < 1_000 && message.isWellFormed(), message);
      assert.ok(!message.includes("\0"));
    }
  });

  it("takes null for a field that is not there, as the JSON form of protobuf does", () => {
    const { spec } = parseSpec([
      changed(
        [...A],
        { componentRef: { name: "step" }, taskInfo: null, inputs: null, triggerPolicy: null },
        changed([...STEP, "dag"], null),
      ),
    ]);
    assert.ok(spec.root.body.kind === "dag" && spec.root.body.dag.tasks.has("a"));
  });

  it("reads whole numbers of the old kind of constant, which are texts in JSON", () => {
    const old = { runtimeValue: { constantValue: { intValue: "12345678901234567890" } } };
    const { spec } = parseSpec([
      changed(
        [...A, "inputs", "parameters", "x"],
        old,
        changed(
          [...STEP, "inputDefinitions", "parameters", "x", "parameterType"],
          "NUMBER_INTEGER",
          changed([...TASKS, "b", "inputs"], {}),
        ),
      ),
    ]);
    assert.ok(spec.root.body.kind === "dag");
    assert.deepEqual(spec.root.body.dag.tasks.get("a")?.parameters.get("x"), {
      kind: "constant",
      json: "12345678901234567890",
    });
  });

  it("leaves what programs say about placeholders alone", () => {
    const program = "import kfp\n# {{$.workspace_path}} {{$.inputs.parameters['ghost']}} {{$x}}";
    const { warnings } = parseSpec([
      changed([...CONTAINER, "command"], ["python3", "-c", program]),
    ]);
    assert.deepEqual(warnings, []);
  });

  it("names every problem of a file at once", () => {
    const error = failure([
      draft({ a: { parameters: { z: constant(1) } }, b: { after: ["ghost"] } }),
    ]);
    assert.ok(error instanceof InvalidError);
    assert.equal(error.violations.length, 2);
    assert.match(error.message, /and 1 more problem/);
  });

  it("throws nothing but its own errors, whatever it is given", () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue({ maxDepth: 8 }), { maxLength: 3 }), (documents) => {
        assertOwn(documents);
      }),
      { numRuns: 1_000 },
    );
  });

  it("throws nothing but its own errors when any part of a pipeline is replaced", () => {
    const paths = pathsOf(OK);
    fc.assert(
      fc.property(fc.constantFrom(...paths), fc.jsonValue({ maxDepth: 3 }), (path, value) => {
        assertOwn([changed(path, value)]);
      }),
      { numRuns: 2_000 },
    );
  });
});

function assertOwn(documents: readonly unknown[]): void {
  try {
    parseSpec(documents);
  } catch (error) {
    assert.ok(error instanceof InvalidError || error instanceof UnsupportedError, String(error));
  }
}

function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path];
  const inner = Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]));
  return path.length === 0 ? inner : [path, ...inner];
}
