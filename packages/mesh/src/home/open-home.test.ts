import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type OpenHomeOptions, openHome, prepareHome } from "./open-home.ts";

describe("openHome", () => {
  const parent = mkdtempSync(join(tmpdir(), "tidemill-home-"));
  after(() => rmSync(parent, { recursive: true }));
  const home = (name: string) => join(parent, name);
  const open = async (root: string, options: OpenHomeOptions) => {
    const layout = await openHome(root, options);
    await prepareHome(layout, options);
    return layout;
  };

  it("stamps a new home with its layout and the PostgreSQL of its databases", async () => {
    await open(home("new"), { postgresMajor: 18 });
    assert.deepEqual(JSON.parse(readFileSync(join(home("new"), "version.json"), "utf8")), {
      layout: 1,
      postgresMajor: 18,
    });
  });

  it("takes an older home through every migration it has not seen, once", async () => {
    const seen: number[] = [];
    const migrations = [1, 2].map((from) => async () => {
      seen.push(from);
    });
    await open(home("old"), { postgresMajor: 18 });
    await open(home("old"), { postgresMajor: 18, migrations });
    await open(home("old"), { postgresMajor: 18, migrations });
    assert.deepEqual(seen, [1, 2]);
  });

  it("changes nothing in an older home before it is known that no mesh runs on it", async () => {
    await open(home("running"), { postgresMajor: 18 });
    const migrations = [() => assert.fail("a mesh may be running")];
    await openHome(home("running"), { postgresMajor: 18, migrations });
    const version = JSON.parse(readFileSync(join(home("running"), "version.json"), "utf8"));
    assert.equal(version.layout, 1);
  });

  it("refuses databases of an older PostgreSQL", async () => {
    await open(home("major"), { postgresMajor: 17 });
    await assert.rejects(open(home("major"), { postgresMajor: 18 }), {
      reason: "POSTGRES_MAJOR",
    });
  });

  it("refuses a stamp that was cut short", async () => {
    await open(home("cut"), { postgresMajor: 18 });
    writeFileSync(join(home("cut"), "version.json"), '{"layout":');
    await assert.rejects(open(home("cut"), { postgresMajor: 18 }), { reason: "BAD_HOME" });
  });

  it("refuses a name with a line break, in which no package could be installed", async () => {
    const root = home("two\nlines");
    await assert.rejects(open(root, { postgresMajor: 18 }), {
      reason: "BAD_HOME",
      message: /line break/,
    });
    assert.equal(existsSync(root), false);
  });

  it("refuses a file in the place of the home", async () => {
    writeFileSync(home("file"), "");
    await assert.rejects(open(home("file"), { postgresMajor: 18 }), {
      reason: "BAD_HOME",
      message: /cannot be written.*--home or TIDEMILL_HOME/,
    });
  });

  it("goes on with a home whose first start was killed half-way", async () => {
    const layout = await open(home("half"), { postgresMajor: 18 });
    rmSync(layout.version);
    await open(home("half"), { postgresMajor: 18 });
  });
});
