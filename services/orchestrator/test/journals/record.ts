import { existsSync, writeFileSync } from "node:fs";
import { recordsOf } from "../../src/engine/run-records.ts";
import { encodeJournalEvent } from "../../src/store/journal-codec.ts";
import { artifact, DATASET, output, parameter, pipelineDocument } from "../pipeline-builder.ts";
import { driveRun, OUTCOME, type RunDriver } from "../run-driver.ts";
import { writeEntries } from "./entries.ts";

/**
 * Writes the golden journals of this release: `node services/orchestrator/test/journals/record.ts`.
 * Those that are there already stay as they are; a later release adds files under new names.
 */
const document = pipelineDocument({
  name: "golden",
  inputs: { rows: parameter("NUMBER_INTEGER", { defaultValue: 3, isOptional: true }) },
  tasks: {
    make: { component: "make" },
    use: { component: "use", artifacts: { data: artifact("make") } },
    around: { component: "around", parameters: { x: output("use") } },
    last: { after: ["around"] },
  },
  executors: { "exec-plain": { container: { image: "alpine", command: ["true"] } } },
  components: {
    make: { executorLabel: "exec-plain", outputDefinitions: { artifacts: { data: DATASET } } },
    use: {
      executorLabel: "exec-plain",
      inputDefinitions: { artifacts: { data: DATASET } },
      outputDefinitions: { parameters: { out: parameter("STRING") } },
    },
    around: {
      inputDefinitions: { parameters: { x: parameter("STRING") } },
      dag: {
        tasks: {
          inner: {
            taskInfo: { name: "inner" },
            componentRef: { name: "step" },
            inputs: { parameters: { x: { componentInputParameter: "x" } } },
          },
        },
      },
    },
  },
});

const WARNING = { code: "IMAGE_IGNORED", message: "it runs on the host" };
const DATA = {
  id: "artifact-1",
  name: "data",
  schemaTitle: "system.Dataset",
  schemaVersion: "0.0.1",
  instanceSchema: "",
  uri: "minio://mlpipeline/v2/artifacts/golden/run-1/make/a1/data",
  metadataJson: '{"rows":3,"name":"\\u00e9\\u0000"}',
  digest: "0".repeat(64),
  tree: true,
  sizeBytes: 12_345,
};

/** Every kind of entry occurs in one of them. */
const stories: Readonly<Record<string, (driver: RunDriver) => void>> = {
  succeeded(driver) {
    startAndLose(driver);
    driver.succeed("make", {}, { data: [DATA] });
    driver.succeed("use", { out: "größe 大" });
    driver.succeed("around/inner");
    driver.succeed("last");
  },
  failed(driver) {
    driver.succeed("make", {}, { data: [DATA] });
    driver.fail("use");
  },
  canceled(driver) {
    startAndLose(driver);
    const token = driver.dispatch("make");
    driver.send({ kind: "terminate", by: "somebody" });
    const outcome = { ...OUTCOME, signal: 15, startedAt: 1_005 };
    const taskId = driver.task("make").id;
    const result = { kind: "canceled" } as const;
    driver.send({ kind: "attemptFinished", taskId, token, outcome, result });
  },
};

/** The first attempt begins and is lost. */
function startAndLose(driver: RunDriver): void {
  const taskId = driver.task("make").id;
  const lost = driver.dispatch("make");
  const error = { reason: "LOST", message: "its worker went away" };
  driver.send({
    kind: "attemptStarted",
    taskId,
    token: lost,
    warnings: [WARNING],
    limits: ["core=0"],
  });
  driver.send({ kind: "attemptLost", taskId, token: lost, error });
}

for (const [name, tell] of Object.entries(stories)) {
  const base = new URL(`0.1.0-${name}`, import.meta.url).pathname;
  if (existsSync(`${base}.binpb`)) continue;
  const driver = driveRun(document);
  tell(driver);
  const records = recordsOf(driver.run, driver.journal);
  writeEntries(`${base}.binpb`, driver.journal.map(encodeJournalEvent));
  writeFileSync(`${base}.json`, `${JSON.stringify({ document, records }, undefined, 2)}\n`);
}
