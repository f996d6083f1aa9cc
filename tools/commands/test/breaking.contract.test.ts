import assert from "node:assert/strict";
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { installed, root } from "../src/root.ts";
import { runProcess } from "../src/run-process.ts";

const buf = installed("buf");

describe("buf breaking against a released contract", () => {
  const directory = tempDir("breaking");
  const released = join(directory, "released.binpb");
  const contract = join(directory, "proto/tidemill/orchestrator/v1/run.proto");
  const asReleased = readFileSync(join(root, "proto/tidemill/orchestrator/v1/run.proto"), "utf8");

  const change = async (from: string, to: string) => {
    assert.ok(asReleased.includes(from), `the contract has no "${from}" any more`);
    writeFileSync(contract, asReleased.replace(from, to));
    return runProcess([buf, "breaking", join(directory, "proto"), "--against", released]);
  };

  before(async () => {
    for (const path of ["buf.yaml", "proto", "third_party"]) {
      cpSync(join(root, path), join(directory, path), { recursive: true });
    }
    const { exitCode, output } = await runProcess([
      buf,
      "build",
      join(directory, "proto"),
      "-o",
      released,
    ]);
    assert.equal(exitCode, 0, output);
  });

  it("refuses a field whose type has changed", async () => {
    const result = await change("int64 version = 8;", "string version = 8;");
    assert.notEqual(result.exitCode, 0);
    assert.match(result.output, /"8"[^\n]*"version"[^\n]*changed type from "int64" to "string"/);
  });

  it("refuses a field that has gone", async () => {
    const result = await change("  string created_by = 14;\n", "");
    assert.match(result.output, /"14"[^\n]*"created_by"[^\n]*"Run" was deleted/);
  });

  it("accepts a field that is new", async () => {
    const result = await change(
      "  string created_by = 14;\n",
      "  string created_by = 14;\n  string note = 9000;\n",
    );
    assert.equal(result.exitCode, 0, result.output);
  });
});
