import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { requireStartable } from "./argument-limits.ts";
import { recognizeComponent } from "./component-command.ts";
import { addImports, loadImports, refuseImport, saveImports } from "./imports-file.ts";
import { needsOwnInterpreter, taskEnvironment } from "./task-environment.ts";

const INSTALL = `PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip install --quiet 'pandas' && "$0" "$@"`;
const RUN =
  'printf "%s" "$0" > f; _KFP_RUNTIME=true python3 -m kfp.dsl.executor_main --component_module_path f "$@"';

describe("a command", () => {
  it("of a lightweight component is recognised, with and without an install script", () => {
    const installed = recognizeComponent(["sh", "-c", INSTALL, "sh", "-ec", RUN, "SOURCE"]);
    assert.equal(installed?.source, "SOURCE");
    assert.deepEqual(installed?.install.steps, [{ requirements: ["pandas"], noDeps: false }]);
    assert.deepEqual(recognizeComponent(["sh", "-ec", RUN, "SOURCE"])?.install.steps, []);
  });

  const others: readonly (readonly string[])[] = [
    ["sh", "-c", "echo hi"],
    ["sh", "-ec", "echo hi", "SOURCE"],
    ["sh", "-ec", RUN],
    ["sh", "-ec", RUN, "SOURCE", "more"],
    ["sh", "-c", "apk add git", "sh", "-ec", RUN, "SOURCE"],
    ["python3", "-m", "kfp.dsl.executor_main"],
    [],
  ];
  for (const command of others) {
    it(`of another kind runs as it is: ${command.join(" ").slice(0, 40)}`, () => {
      assert.equal(recognizeComponent(command), undefined);
    });
  }

  it("is refused when the kernel would refuse it", () => {
    requireStartable(["echo", "x".repeat(131_071)], {});
    const cases: readonly [readonly string[], Record<string, string>][] = [
      [["echo", "x".repeat(131_072)], {}],
      [["echo", "é".repeat(65_536)], {}],
      [["echo"], { BIG: "x".repeat(131_072) }],
      [Array.from({ length: 20 }, () => "x".repeat(120_000)), {}],
    ];
    for (const [argv, env] of cases) {
      assert.throws(() => requireStartable(argv, env), { reason: "ARGUMENT_TOO_LONG" });
    }
  });
});

describe("a task's variables", () => {
  it("are a container's and the declared ones, which win", () => {
    const env = taskEnvironment({
      directory: "/work",
      declared: { TZ: "Europe/Oslo", PYTHONPATH: "/mine" },
      hostPath: "/usr/bin",
      binDirectory: "/env/bin",
    });
    assert.equal(env.PATH, "/env/bin:/usr/bin");
    assert.equal(env.TZ, "Europe/Oslo");
    assert.equal(env.PYTHONPATH, "/mine:/work/.packages");
    assert.equal(env.HOME, "/work");
  });

  it("know nothing of Python where the image has none", () => {
    const env = taskEnvironment({ directory: "/work", declared: {}, hostPath: "/usr/bin" });
    assert.deepEqual(Object.keys(env).sort(), ["HOME", "LANG", "LC_ALL", "PATH", "TZ"]);
  });

  const cases: readonly [string, Record<string, string>, boolean, boolean][] = [
    ["none", {}, true, false],
    ["any, once modules are imported ahead", { A: "1" }, true, true],
    ["one that only user code reads", { A: "1" }, false, false],
    ["PYTHONPATH, which is followed", { PYTHONPATH: "/x" }, false, false],
    ["PYTHONHASHSEED", { PYTHONHASHSEED: "0" }, false, true],
    ["LD_PRELOAD", { LD_PRELOAD: "x" }, false, true],
  ];
  for (const [name, declared, importsAhead, expected] of cases) {
    it(`${expected ? "need" : "need no"} interpreter of its own: ${name}`, () => {
      assert.equal(needsOwnInterpreter(declared, importsAhead), expected);
    });
  }
});

describe("the modules remembered for an environment", () => {
  it("are kept over restarts, each once, and not when they were refused", () => {
    const directory = tempDir("imports");
    const first = addImports(loadImports(directory), ["numpy", "numpy.random", "busy.core"]);
    assert.ok(first !== undefined);
    saveImports(directory, refuseImport(first, "busy"));
    const loaded = loadImports(directory);
    assert.deepEqual(loaded, { modules: ["numpy", "numpy.random"], refused: ["busy"] });
    assert.equal(addImports(loaded, ["numpy", "busy.more"]), undefined);
  });
});
