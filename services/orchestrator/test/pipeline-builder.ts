/** What a test says of a task; the rest of the document is filled in. */
export interface TaskDraft {
  /** Name of a component; `step` when left out. */
  readonly component?: string;
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly artifacts?: Readonly<Record<string, unknown>>;
  readonly after?: readonly string[];
}

export interface PipelineDraft {
  readonly name?: string;
  readonly tasks: Readonly<Record<string, TaskDraft>>;
  readonly inputs?: Readonly<Record<string, unknown>>;
  readonly outputs?: { readonly definitions: object; readonly from: object };
  readonly components?: Readonly<Record<string, object>>;
  readonly executors?: Readonly<Record<string, object>>;
}

/** A document of IR as the compiler writes it, around the tasks of a test. */
export function pipelineDocument(draft: PipelineDraft): Record<string, unknown> {
  return {
    pipelineInfo: { name: draft.name ?? "test" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.0",
    root: {
      ...(draft.inputs === undefined ? {} : { inputDefinitions: { parameters: draft.inputs } }),
      ...(draft.outputs === undefined ? {} : { outputDefinitions: draft.outputs.definitions }),
      dag: {
        tasks: tasksOf(draft.tasks),
        ...(draft.outputs === undefined ? {} : { outputs: draft.outputs.from }),
      },
    },
    components: { step: STEP, ...draft.components },
    deploymentSpec: { executors: { "exec-step": STEP_EXECUTOR, ...draft.executors } },
  };
}

export function tasksOf(drafts: Readonly<Record<string, TaskDraft>>): Record<string, object> {
  return Object.fromEntries(
    Object.entries(drafts).map(([key, draft]) => [
      key,
      {
        taskInfo: { name: key },
        componentRef: { name: draft.component ?? "step" },
        cachingOptions: { enableCache: true },
        ...(draft.after === undefined ? {} : { dependentTasks: draft.after }),
        inputs: { parameters: draft.parameters ?? {}, artifacts: draft.artifacts ?? {} },
      },
    ]),
  );
}

export const constant = (value: unknown) => ({ runtimeValue: { constant: value } });
export const input = (name: string) => ({ componentInputParameter: name });
export const output = (producerTask: string, outputParameterKey = "out") => ({
  taskOutputParameter: { producerTask, outputParameterKey },
});
export const artifact = (producerTask: string, outputArtifactKey = "data") => ({
  taskOutputArtifact: { producerTask, outputArtifactKey },
});
export const parameter = (parameterType: string, more: object = {}) => ({ parameterType, ...more });
export const DATASET = {
  artifactType: { schemaTitle: "system.Dataset", schemaVersion: "0.0.1" },
};

/** The component of tasks that name none: an optional input `x`, an output `out`. */
const STEP = {
  executorLabel: "exec-step",
  inputDefinitions: {
    parameters: { x: parameter("STRING", { isOptional: true }) },
  },
  outputDefinitions: { parameters: { out: parameter("STRING") } },
};

const STEP_EXECUTOR = {
  container: { image: "alpine", command: ["echo"], args: ["{{$.inputs.parameters['x']}}"] },
};
