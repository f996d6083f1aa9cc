/** Tasks of a run, those of nested pipelines included, each time they are used. */
export const TASKS_MAX = 100_000;

/** How deep pipelines may stand within each other. */
export const DAG_DEPTH_MAX = 64;

/** Components of one specification, and executors. */
export const COMPONENTS_MAX = 100_000;

/** Input parameters of one component; the same for artifacts and for outputs. */
export const PARAMETERS_MAX = 10_000;

/** Elements of a command, and of its arguments. */
export const ARGUMENTS_MAX = 10_000;

/**
 * Characters of the texts of executors, counted again for each component but the first that uses
 * them: they are checked and prepared for each. The compiler makes an executor per component.
 */
export const SHARED_TEXT_LENGTH_MAX = 16 * 1024 * 1024;

/** Environment variables of one executor. */
export const VARIABLES_MAX = 1_000;

/** Characters of `pipelineInfo.name`, which is part of addresses. */
export const PIPELINE_NAME_LENGTH_MAX = 128;

/** Bytes of a name that becomes the name of a file: task keys, outputs, artifacts. */
export const FILE_NAME_BYTES_MAX = 200;

/** Bytes of every other name. */
export const NAME_BYTES_MAX = 1024;

/** Characters of a display name or a pipeline root. */
export const LABEL_LENGTH_MAX = 1024;

/** How deep a constant or a default may be nested. */
export const VALUE_DEPTH_MAX = 100;

/** How deep a parameter of a run or an output may be nested; Python reads less than 1,000. */
export const PARAMETER_DEPTH_MAX = 500;

/**
 * Characters of a constant or a default, as JSON: it is written to the journal where it is used.
 */
export const CONSTANT_LENGTH_MAX = 1024 * 1024;

/** Characters of a text that values are put into: an f-string, an image, a variable. */
export const COMPOSED_TEXT_LENGTH_MAX = 1024 * 1024;

/** Characters of all values that one task gets, without those kept in the artifact service. */
export const INPUTS_LENGTH_MAX = 16 * 1024 * 1024;

/** Warnings that one specification may give; further ones are counted only. */
export const SPEC_WARNINGS_MAX = 50;

/** Problems named in one error. */
export const PROBLEMS_MAX = 20;

/** Bytes of a specification that comes in a request. */
export const SPEC_UPLOAD_BYTES_MAX = 32 * 1024 * 1024;

/** Bytes of a specification that was put into the artifact service first. */
export const SPEC_BYTES_MAX = 256 * 1024 * 1024;
