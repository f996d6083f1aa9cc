/**
 * A compiled pipeline (KFP IR 2.1.0) as this service understands it: names resolved to one case,
 * constants kept as JSON text, what is not supported already refused. Never the generated classes.
 */
export interface PipelineSpec {
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  readonly sdkVersion: string;
  /** `""` when the file names none. */
  readonly defaultPipelineRoot: string;
  /** Its body is always a DAG. */
  readonly root: Component;
  readonly components: ReadonlyMap<string, Component>;
  readonly executors: ReadonlyMap<string, Executor>;
}

export type ParameterType =
  | "NUMBER_DOUBLE"
  | "NUMBER_INTEGER"
  | "STRING"
  | "BOOLEAN"
  | "LIST"
  | "STRUCT";

export interface Component {
  readonly name: string;
  readonly inputs: ComponentInputs;
  readonly outputs: ComponentOutputs;
  readonly body:
    | { readonly kind: "dag"; readonly dag: Dag }
    | { readonly kind: "executor"; readonly executor: string };
}

export interface ComponentInputs {
  readonly parameters: ReadonlyMap<string, InputParameter>;
  readonly artifacts: ReadonlyMap<string, InputArtifact>;
}

export interface ComponentOutputs {
  readonly parameters: ReadonlyMap<string, OutputParameter>;
  readonly artifacts: ReadonlyMap<string, OutputArtifact>;
}

export interface InputParameter {
  readonly type: ParameterType;
  /** May be left out: marked so, or it has a default. */
  readonly optional: boolean;
  /** JSON text. */
  readonly defaultJson: string | undefined;
  /** JSON texts of the only values allowed; empty allows all. */
  readonly literals: readonly string[];
}

export interface InputArtifact {
  readonly type: ArtifactType;
  readonly list: boolean;
  readonly optional: boolean;
}

export interface OutputParameter {
  readonly type: ParameterType;
}

export interface OutputArtifact {
  readonly type: ArtifactType;
  /** A JSON object, as text. */
  readonly metadataJson: string;
}

export interface ArtifactType {
  readonly schemaTitle: string;
  readonly schemaVersion: string;
  readonly instanceSchema: string;
}

export interface Dag {
  readonly tasks: ReadonlyMap<string, TaskSpec>;
  readonly outputParameters: ReadonlyMap<string, TaskOutput>;
  readonly outputArtifacts: ReadonlyMap<string, TaskOutput>;
}

/** An output of a task of the same DAG. */
export interface TaskOutput {
  readonly producer: string;
  readonly output: string;
}

export interface TaskSpec {
  readonly key: string;
  readonly displayName: string;
  readonly component: string;
  readonly parameters: ReadonlyMap<string, ParameterSource>;
  readonly artifacts: ReadonlyMap<string, ArtifactSource>;
  /** Keys of tasks that must succeed first although no data comes from them. */
  readonly dependentTasks: readonly string[];
}

export type ArtifactSource =
  | { readonly kind: "componentInput"; readonly name: string }
  | ({ readonly kind: "taskOutput" } & TaskOutput);

export type ParameterSource =
  | ArtifactSource
  /** JSON text; strings in it may hold placeholders. */
  | { readonly kind: "constant"; readonly json: string };

/** A command and what it needs. Every text may hold placeholders. */
export interface Executor {
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: readonly EnvVariable[];
  readonly resources: Resources;
}

export interface EnvVariable {
  readonly name: string;
  readonly value: string;
}

/** Quantities as Kubernetes writes them (`500m`, `2Gi`); `""` when not given. */
export interface Resources {
  readonly cpuRequest: string;
  readonly cpuLimit: string;
  readonly memoryRequest: string;
  readonly memoryLimit: string;
  readonly acceleratorCount: string;
  readonly acceleratorType: string;
}
