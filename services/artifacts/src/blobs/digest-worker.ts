import { hash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import { assertNever, messageOf } from "@tidemill/errors";
import { ContentDigester } from "./content-digester.ts";
import type { DigestAnswer, DigestJob } from "./digest-pool.ts";

const digesters = new Map<number, ContentDigester>();

function run(job: DigestJob): DigestAnswer {
  switch (job.kind) {
    case "update": {
      const digester = digesters.get(job.session) ?? new ContentDigester();
      digesters.set(job.session, digester);
      digester.update(new Uint8Array(job.bytes, 0, job.length));
      return { kind: "done", id: job.id };
    }
    case "finish": {
      const digester = digesters.get(job.session) ?? new ContentDigester();
      digesters.delete(job.session);
      return { kind: "finished", id: job.id, digests: digester.finish() };
    }
    case "drop":
      digesters.delete(job.session);
      return { kind: "done", id: job.id };
    case "digest": {
      const digest = hash("sha256", new Uint8Array(job.bytes, 0, job.length), "hex");
      return { kind: "digested", id: job.id, digest };
    }
    default:
      return assertNever(job, "digest job");
  }
}

parentPort?.on("message", (job: DigestJob) => {
  try {
    parentPort?.postMessage(run(job));
  } catch (error) {
    parentPort?.postMessage({ kind: "failed", id: job.id, message: messageOf(error) });
  }
});
