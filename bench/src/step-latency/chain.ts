const BODY = `def step(previous: str) -> str:
    import time
    return str(time.time_ns())
`;
const SOURCE = `
import kfp
from kfp import dsl
from kfp.dsl import *
from typing import *

${BODY}`;
const RUN_SCRIPT = `program_path=$(mktemp -d)

printf "%s" "$0" > "$program_path/ephemeral_component.py"
_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main --component_module_path "$program_path/ephemeral_component.py" "$@"
`;

/** IR of a chain: each task takes the output of the one before it. */
export function chainDocument(length: number): object {
  const tasks = Array.from({ length }, (_, at) => [nameOf(at), taskOf(at)] as const);
  return {
    pipelineInfo: { name: "chain" },
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.0",
    root: { dag: { tasks: Object.fromEntries(tasks) } },
    components: {
      "comp-step": {
        executorLabel: "exec-step",
        inputDefinitions: { parameters: { previous: { parameterType: "STRING" } } },
        outputDefinitions: { parameters: { Output: { parameterType: "STRING" } } },
      },
    },
    deploymentSpec: {
      executors: {
        "exec-step": {
          container: {
            image: "python:3.11",
            command: ["sh", "-ec", RUN_SCRIPT, SOURCE],
            args: ["--executor_input", "{{$}}", "--function_to_execute", "step"],
          },
        },
      },
    },
  };
}

/** The same chain for kfp.local: prints how long each of some runs took, in milliseconds. */
export function chainInPython(length: number): (runs: number) => string {
  return (runs) => `
import json, sys, time
from kfp import dsl, local

@dsl.component(install_kfp_package=False)
${BODY}
@dsl.pipeline
def chain():
    previous = step(previous="0")
    for _ in range(${length - 1}):
        previous = step(previous=previous.output)

local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=sys.argv[1])
took = []
for _ in range(${runs}):
    start = time.monotonic()
    chain()
    took.append((time.monotonic() - start) * 1000)
print("TOOK " + json.dumps(took))
`;
}

function nameOf(at: number): string {
  return at === 0 ? "step" : `step-${at + 1}`;
}

function taskOf(at: number): object {
  const previous =
    at === 0
      ? { runtimeValue: { constant: "0" } }
      : { taskOutputParameter: { producerTask: nameOf(at - 1), outputParameterKey: "Output" } };
  return {
    taskInfo: { name: nameOf(at) },
    componentRef: { name: "comp-step" },
    ...(at === 0 ? {} : { dependentTasks: [nameOf(at - 1)] }),
    inputs: { parameters: { previous } },
  };
}
