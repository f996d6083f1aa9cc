import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, tempDir } from "@tidemill/testing";
import { claimHome } from "./claim-home.ts";

describe("a worker's home", () => {
  it("is one worker's until that one lets go of it", async () => {
    const home = tempDir("home");
    const alias = join(tempDir("alias"), "home");
    symlinkSync(home, alias);
    const claim = await claimHome(home);
    await assert.rejects(claimHome(home), { reason: "HOME_IN_USE" });
    await assert.rejects(claimHome(alias), { reason: "HOME_IN_USE" });
    const other = await claimHome(tempDir("home"));
    await other.release();
    await claim.release();
    await (await claimHome(alias)).release();
  });

  it("is free again when its worker was killed", async () => {
    const home = tempDir("home");
    const module = JSON.stringify(new URL("./claim-home.ts", import.meta.url).href);
    const script = `const { claimHome } = await import(${module});
      await claimHome(${JSON.stringify(home)});
      setInterval(() => {}, 1000);
      console.log("claimed");`;
    const holder = spawn(process.execPath, ["--input-type=module", "-e", script]);
    await once(holder.stdout, "data");
    await assert.rejects(claimHome(home), { reason: "HOME_IN_USE" });
    holder.kill("SIGKILL");
    const claim = await eventually(() => claimHome(home).catch(() => undefined));
    await claim.release();
  });
});
