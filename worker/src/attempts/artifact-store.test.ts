import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createClient, createRouterTransport } from "@connectrpc/connect";
import { QuotaError, UnavailableError } from "@tidemill/errors";
import { ArtifactService } from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import { silentLogger } from "@tidemill/telemetry";
import { ArtifactStore } from "./artifact-store.ts";
import { BlobClient } from "./blob-client.ts";

function persistence() {
  const store = new ArtifactStore({
    blobs: new BlobClient("http://127.0.0.1:1"),
    artifacts: createClient(
      ArtifactService,
      createRouterTransport(() => undefined),
    ),
    log: silentLogger,
    retry: { initialMs: 1, maxMs: 1 },
  });
  const troubles: string[] = [];
  const patience = {
    signal: new AbortController().signal,
    onTrouble: ({ reason }: { readonly reason: string }) => troubles.push(reason),
  };
  return { troubles, persist: <T>(work: () => Promise<T>) => store.persist(patience, work) };
}

describe("work with artifacts", () => {
  it("is tried again while the service is away, and each time is told", async () => {
    const { persist, troubles } = persistence();
    let tries = 0;
    const made = await persist(async () => {
      if (++tries <= 20) throw new UnavailableError("artifacts", "away");
      return "made";
    });
    assert.equal(made, "made");
    assert.deepEqual(
      troubles,
      Array.from({ length: 20 }, () => "UNAVAILABLE"),
    );
  });

  const full = [
    new QuotaError("DISK_FULL", "the disk is full"),
    Object.assign(new Error("write"), { code: "ENOSPC" }),
  ];
  for (const error of full) {
    it(`is given up when a disk stays full: ${error.name}`, async () => {
      const { persist, troubles } = persistence();
      const work = persist(() => Promise.reject(error));
      await assert.rejects(work, { name: "StateError", reason: "DISK_FULL" });
      assert.deepEqual(new Set(troubles), new Set(["DISK_FULL"]));
    });
  }

  it("is not tried again when it cannot succeed", async () => {
    const { persist, troubles } = persistence();
    await assert.rejects(
      persist(() => Promise.reject(new Error("a bug"))),
      /a bug/,
    );
    assert.deepEqual(troubles, []);
  });
});
