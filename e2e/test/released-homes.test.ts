import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { tempDir, tempHome } from "@tidemill/testing";
import { checkEvents } from "../chaos/check-events.ts";
import { readRecord, releasedHomes } from "../homes/home-fixture.ts";
import { restoreHome } from "../homes/restore-home.ts";
import { checkJournals } from "../src/check-journals.ts";
import { ended, outputOf, taskOf } from "../src/journeys.ts";
import { type Json, startTestMesh, type TestMesh } from "../src/test-mesh.ts";

/** A home that is kept grows older than what a mesh keeps by itself (homes/README.md). */
const keepForEver = {
  TIDEMILL_RUNS_RETENTION_DAYS: "36500",
  TIDEMILL_LOGS_RETENTION_DAYS: "36500",
};

for (const release of releasedHomes()) {
  describe(`the home that ${release} left behind`, () => {
    const record = readRecord(release);
    const within = (namespace: string) => ["--namespace", namespace];
    let mesh: TestMesh;
    before(async () => {
      const home = tempHome("released-home");
      await restoreHome(release, home);
      mesh = await startTestMesh({ home, env: keepForEver });
    });
    after(() => mesh.stop());

    it("opens, and shows its runs as they were", async () => {
      for (const namespace of new Set(record.ended.map((run) => run.namespace))) {
        const known = record.ended.filter((run) => run.namespace === namespace);
        const listed = await mesh.json([...within(namespace), "run", "list"]);
        const ids = listed.runs.map((run: Json) => run.id);
        const expected = known.map(({ document }) => document.run.id);
        if (namespace === "default") expected.push(record.inFlight.id);
        assert.deepEqual(ids.toSorted(), expected.toSorted());
        for (const { document } of known) {
          const shown = await mesh.json([...within(namespace), "run", "get", document.run.id]);
          // Later versions may tell more.
          assert.partialDeepStrictEqual(shown, document);
          assert.equal(shown.tasks.length, document.tasks.length);
        }
      }
      const inFlight = await mesh.json(["run", "get", record.inFlight.id]);
      assert.equal(inFlight.run.name, record.inFlight.name);
      assert.equal(taskOf(inFlight, "begin").state, "TASK_STATE_SUCCEEDED");
    });

    it("still has every log line and every byte of an artifact", async () => {
      for (const { namespace, document, logs, artifactTexts } of record.ended) {
        const printed = await mesh.cli([...within(namespace), "run", "logs", document.run.id]);
        assert.equal(printed.stdout, logs);
        for (const [id, text] of Object.entries(artifactTexts)) {
          const target = join(tempDir("artifact"), "bytes");
          await mesh.json([...within(namespace), "artifact", "get", id, "--output", target]);
          assert.equal(readFileSync(target, "utf8"), text);
        }
      }
    });

    it("has its pipelines, which run", async () => {
      const { pipelines } = await mesh.json(["pipeline", "list"]);
      const names = pipelines.map((pipeline: Json) => pipeline.name);
      assert.deepEqual(names.toSorted(), record.pipelines.toSorted());
      for (const name of names) {
        const { id } = await mesh.json(["run", "submit", "--pipeline", name]);
        await ended(mesh, id, "SUCCEEDED");
      }
    });

    it("finishes the run that was in flight, and runs again only what was lost", async () => {
      const document = await ended(mesh, record.inFlight.id, "SUCCEEDED");
      for (const [name, value] of Object.entries(record.inFlight.outputs)) {
        assert.deepEqual(outputOf(document, name), value);
      }
      const attempts = (path: string) =>
        taskOf(document, path).attempts.map((attempt: Json) => attempt.state);
      assert.deepEqual(attempts("begin"), ["ATTEMPT_STATE_SUCCEEDED"]);
      assert.deepEqual(attempts("pause"), ["ATTEMPT_STATE_LOST", "ATTEMPT_STATE_SUCCEEDED"]);
    });

    it("the journals fold into the rows, and a new broker has every event that is kept", async () => {
      assert.equal(await checkJournals(mesh), undefined);
      const { events, violations } = await checkEvents(mesh, { mayLackFirst: true });
      assert.deepEqual(violations, []);
      assert.ok(events > 0);
    });
  });
}
