import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readSource } from "./pipeline-source.ts";

describe("readSource", () => {
  const context = {
    cwd: "/",
    namespace: "",
    readStdin: async () => new TextEncoder().encode("from a pipe"),
    address: () => assert.fail("nothing is that large"),
  };

  it("takes - for standard input", async () => {
    const { source, sizeBytes } = await readSource(context, "-");
    assert.equal(sizeBytes, "from a pipe".length);
    assert.ok(source.source?.case === "spec");
    assert.equal(Buffer.from(source.source.value ?? "").toString(), "from a pipe");
  });

  it("says how to compile a pipeline where the file is not there", async () => {
    await assert.rejects(readSource(context, "no-such.yaml"), /cannot read no-such.yaml.*kfp dsl/);
  });
});
