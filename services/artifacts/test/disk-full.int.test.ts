import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { QuotaError } from "@tidemill/errors";
import { tempDir } from "@tidemill/testing";
import { newLogKey, putBlob, startArtifacts, type TestArtifacts } from "./helpers.ts";

const MIB = 1024 * 1024;
/** System commands, there or not: then the test is skipped. */
const system = { mount: "mount", unmount: "umount" };

/** A file system of 16 MiB; only root may mount one. */
function mountSmall(): { readonly path: string } | { readonly reason: string } {
  const path = tempDir("small-disk");
  try {
    execFileSync(system.mount, ["-t", "tmpfs", "-o", "size=16m", "tmpfs", path], { stdio: "pipe" });
    return { path };
  } catch {
    // Not root, or no such file system here: the reason is what the skipped test says.
    return { reason: "a file system cannot be mounted here" };
  }
}

const disk = mountSmall();
const skip = "reason" in disk ? disk.reason : false;

describe("a full disk", { skip }, () => {
  let stack: TestArtifacts;
  const path = "path" in disk ? disk.path : "";
  before(async () => {
    stack = await startArtifacts({ config: { directory: join(path, "artifacts") } });
  });
  after(async () => {
    await stack.stop();
    execFileSync(system.unmount, [path]);
  });

  it("refuses an upload with 507, keeps nothing of it, and takes the next that fits", async () => {
    const small = await putBlob(stack.origin, randomBytes(MIB));
    const refused = await fetch(`${stack.origin}/v1/blobs`, {
      method: "POST",
      body: randomBytes(20 * MIB),
    });
    assert.equal(refused.status, 507);
    const body = (await refused.json()) as { reason: string };
    assert.equal(body.reason, "DISK_FULL");
    assert.deepEqual(await readdir(join(path, "artifacts", "tmp")), []);
    const got = await fetch(`${stack.origin}/v1/blobs/${small.digest}`);
    assert.equal((await got.arrayBuffer()).byteLength, MIB);
    await putBlob(stack.origin, randomBytes(MIB));
  });

  it("refuses an append, and keeps what was acknowledged before", async () => {
    const key = newLogKey();
    let size = 0;
    await assert.rejects(
      async () => {
        for (;;) {
          const data = randomBytes(MIB);
          await stack.logs.appendLog({ key, offset: BigInt(size), data }, { timeoutMs: 5_000 });
          size += data.length;
        }
      },
      (error) => error instanceof QuotaError && error.reason === "DISK_FULL",
    );
    assert.ok(size > MIB);
    let found = 0;
    for await (const part of stack.logs.readLog({ key })) found += part.data.length;
    assert.equal(found, size);
  });
});
