import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { BuiltEnvironments } from "./built-environments.ts";
import { type EnvironmentSpec, environmentSpec } from "./environment-spec.ts";
import { type InstallPlan, noInstall } from "./install-script.ts";

const plan: InstallPlan = { ...noInstall, steps: [{ requirements: ["numpy"], noDeps: false }] };
let directory: string;
let built: BuiltEnvironments;

beforeEach(() => {
  directory = tempDir("environments");
  built = new BuiltEnvironments(directory);
});

function specOf(path: string, version: string, wanted = plan): EnvironmentSpec {
  return environmentSpec({ path, version }, wanted, "kfp.whl");
}

function build(spec: EnvironmentSpec): void {
  mkdirSync(join(directory, spec.digest, "bin"), { recursive: true });
  writeFileSync(join(directory, spec.digest, "bin", "python"), "");
  built.add(spec);
}

describe("environments that have been built", () => {
  it("serve the version that is asked for, whichever interpreter a shell shows today", () => {
    const managed = specOf("/pyenv/3.11", "3.11.7");
    build(managed);
    const system = specOf("/usr/bin/python3.11", "3.11.2");
    assert.equal(built.find(system, "3.11")?.digest, managed.digest);
    // There is no 3.11 in this shell.
    const nearest = specOf("/usr/bin/python3.13", "3.13.1");
    assert.equal(built.find(nearest, "3.11")?.digest, managed.digest);
    build(nearest);
    assert.equal(new BuiltEnvironments(directory).find(nearest, "3.11")?.digest, managed.digest);
  });

  it("serve with their own interpreter first", () => {
    const one = specOf("/pyenv/3.11", "3.11.7");
    const other = specOf("/usr/bin/python3.11", "3.11.2");
    build(one);
    build(other);
    assert.equal(built.find(one, "3.11")?.digest, one.digest);
    assert.equal(built.find(other, "3.11")?.digest, other.digest);
  });

  it("serve whoever asks for no version", () => {
    const old = specOf("/usr/bin/python3.9", "3.9.2");
    build(old);
    assert.equal(built.find(specOf("/python3.13", "3.13.0"), undefined)?.digest, old.digest);
  });

  it("do not serve another version than a better one that is there, nor other packages", () => {
    build(specOf("/python3.12", "3.12.1"));
    assert.equal(built.find(specOf("/python3.11", "3.11.7"), "3.11"), undefined);
    assert.equal(built.find(specOf("/python3.12", "3.12.1", noInstall), "3.12"), undefined);
  });

  it("serve no more when their interpreter is gone, nor before they are whole", () => {
    const spec = specOf("/python3.12", "3.12.1");
    mkdirSync(join(directory, spec.digest));
    assert.equal(built.find(spec, "3.12"), undefined);
    build(spec);
    rmSync(join(directory, spec.digest, "bin", "python"));
    assert.equal(built.find(spec, "3.12"), undefined);
  });
});
