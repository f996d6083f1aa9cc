import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, tempDir } from "@tidemill/testing";
import { pipelines } from "../src/journeys.ts";
import { type Json, leaveSharedMesh, sharedMesh, type TestMesh } from "../src/test-mesh.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
/** Of a namespace of its own: what is large travels as a blob, which belongs to one. */
const within = ["--namespace", "team-a"];

/** A pipeline of one command, with many components that nobody uses, each with a long text. */
function writePipeline(path: string, sizeBytesMin: number): Buffer {
  const components: Record<string, Json> = { "comp-say": { executorLabel: "exec-say" } };
  for (let index = 0; index * KIB < sizeBytesMin; index++) {
    const parameter = { parameterType: "STRING", description: `${index} `.padEnd(KIB, "tide ") };
    components[`comp-unused-${index}`] = {
      executorLabel: "exec-say",
      inputDefinitions: { parameters: { text: { ...parameter, isOptional: true } } },
    };
  }
  const spec = {
    schemaVersion: "2.1.0",
    sdkVersion: "kfp-2.17.0",
    pipelineInfo: { name: "large" },
    components,
    deploymentSpec: {
      executors: { "exec-say": { container: { image: "alpine", command: ["echo", "said"] } } },
    },
    root: {
      dag: {
        tasks: { say: { taskInfo: { name: "say" }, componentRef: { name: "comp-say" } } },
      },
    },
  };
  const bytes = Buffer.from(JSON.stringify(spec));
  writeFileSync(path, bytes);
  return bytes;
}

after(leaveSharedMesh);

describe("requests larger than a message usually is", () => {
  let mesh: TestMesh;
  const directory = tempDir("large");
  before(async () => {
    mesh = await sharedMesh();
  });

  async function succeeds(id: string): Promise<Json> {
    return eventually(
      async () => {
        const document = await mesh.json([...within, "run", "get", id]);
        assert.doesNotMatch(document.run.state, /FAILED|CANCELED/, document.run.error?.message);
        return document.run.state === "RUN_STATE_SUCCEEDED" ? document : undefined;
      },
      { timeoutMs: 60_000, pollMs: 200 },
    );
  }

  for (const [how, sizeBytesMin] of [
    ["in the request", 6 * MIB],
    ["by its digest, where no request can carry it", 32 * MIB],
  ] as const) {
    it(`takes a specification of over ${sizeBytesMin / MIB} MiB ${how}`, async () => {
      const file = join(directory, `${sizeBytesMin}.json`);
      const bytes = writePipeline(file, sizeBytesMin);
      assert.ok(bytes.length > sizeBytesMin);
      const digest = createHash("sha256").update(bytes).digest("hex");
      const validated = await mesh.json([...within, "pipeline", "validate", file]);
      assert.equal(validated.tasks, 1);
      const name = `large-${sizeBytesMin}`;
      const version = await mesh.json([...within, "pipeline", "upload", file, "--name", name]);
      assert.equal(version.specDigest, digest);
      const run = await mesh.json([...within, "run", "submit", file]);
      assert.equal(run.specDigest, digest);
      const logs = await mesh.cli([...within, "run", "logs", (await succeeds(run.id)).run.id]);
      assert.equal(logs.stdout, "[say] said\n");
    });
  }

  it("hands a parameter of 80 KiB to a task", async () => {
    const marker = "ebb and flow ".repeat(80 * KIB).slice(0, 80 * KIB);
    const file = join(directory, "params.json");
    writeFileSync(file, JSON.stringify({ marker, seconds: 0 }));
    const args = [...within, "run", "submit", pipelines.slow, "--params", file];
    const { id } = await mesh.json(args);
    await succeeds(id);
    const logs = await mesh.cli([...within, "run", "logs", id, "count"]);
    assert.ok(logs.stdout.includes(marker), "the task printed the whole of it");
  });

  it("gets an artifact's bytes in the namespace of its run", async () => {
    const { id } = await mesh.json([...within, "run", "submit", pipelines.chain]);
    const { artifacts } = await succeeds(id);
    const text = artifacts.find((artifact: Json) => artifact.name === "text");
    const output = ["--output", join(directory, "text")];
    await mesh.json([...within, "artifact", "get", text.id, ...output]);
  });
});
