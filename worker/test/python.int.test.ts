import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import { tools } from "@tidemill/testing";

const directory = fileURLToPath(new URL("../../python", import.meta.url));

it("passes the Python half's own tests", { timeout: 120_000 }, async () => {
  const { python, kfpWheel } = await tools();
  const args = ["-m", "unittest", "discover", "-t", ".", "-s", "test"];
  const child = spawn(python.path, args, {
    cwd: directory,
    env: { ...process.env, TIDEMILL_KFP_WHEEL: kfpWheel },
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  const [code] = await once(child, "close");
  assert.equal(code, 0, said);
  assert.doesNotMatch(said, /skipped/);
});
