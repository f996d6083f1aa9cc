import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { TidemillError } from "@tidemill/errors";
import fc from "fast-check";
import { constant, pipelineDocument } from "../../test/pipeline-builder.ts";
import { compilePlan } from "../domain/plan.ts";
import {
  loadAcceptedSpec,
  loadSpec,
  OFF_THREAD_BYTES_MIN,
  SPECS_WAITING_MAX,
} from "./load-spec.ts";
import { parseText } from "./parse-text.ts";

const SPECS = new URL("../../test/specs/", import.meta.url);
const OK = pipelineDocument({ tasks: { a: { parameters: { x: constant("1") } } } });

const fixture = (name: string): Uint8Array => readFileSync(new URL(`${name}.yaml`, SPECS));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

async function failure(file: Uint8Array): Promise<TidemillError> {
  try {
    await loadSpec(file);
  } catch (error) {
    if (error instanceof TidemillError) return error;
    throw error;
  }
  return assert.fail("it was accepted");
}

/** What the real compiler made of test/specs/unsupported.py, and how that is refused. */
const refused: readonly (readonly [string, RegExp])[] = [
  ["conditions", /line 110: root\.dag\.tasks\.condition-1 uses conditions \(dsl\.If/],
  ["one-of", /dsl\.If.*dsl\.OneOf/],
  ["loops", /root\.dag\.tasks\.for-loop-2 uses loops \(dsl\.ParallelFor\)/],
  ["exit-handler", /dsl\.ExitHandler.*dsl\.PipelineTaskFinalStatus/],
  ["ignore-failure", /root\.dag\.tasks\.say-2 uses .*ignore_upstream_failure/],
  ["retries", /root\.dag\.tasks\.say uses retries \(set_retry\)/],
  ["importer", /\(task "importer"\) uses importing artifacts \(dsl\.importer\)/],
  ["secrets", /line 71: .*\(task "say"\) uses secrets \(kubernetes\.use_secret_as_env\)/],
  ["volumes", /\(task "createpvc"\) uses volumes.*\(task "say"\).*mount_pvc/],
  ["time-limits", /\(task "say"\) uses time limits \(kubernetes\.set_timeout\)/],
  ["workspaces", /uses workspaces \(dsl\.WorkspaceConfig\)/],
];

const wrong: readonly { name: string; file: Uint8Array; reason: string; says: RegExp }[] = [
  { name: "an empty file", file: bytes(" \n"), reason: "SPEC_EMPTY", says: /is empty/ },
  {
    name: "bytes that are no UTF-8",
    file: new Uint8Array([0x61, 0xff, 0x61]),
    reason: "SPEC_ENCODING",
    says: /not valid UTF-8/,
  },
  { name: "an archive", file: gzipSync("a: 1"), reason: "SPEC_ARCHIVE", says: /unpack it/ },
  {
    name: "broken YAML, with its line",
    file: bytes("a: 1\nb:\n  - c\n - d: ["),
    reason: "SPEC_SYNTAX",
    says: /^line 4: the file cannot be read as YAML or JSON/,
  },
  {
    name: "broken JSON",
    file: bytes('{"a": 1,\n "b": ]}'),
    reason: "SPEC_SYNTAX",
    says: /^line 2: /,
  },
  {
    name: "a key that stands twice, in YAML",
    file: bytes("a: 1\nb: 2\na: 3\n"),
    reason: "SPEC_SYNTAX",
    says: /^line 3: .*duplicated mapping key/,
  },
  {
    name: "a key that stands twice, in JSON, however it is spelt",
    file: bytes('{"a": 1,\n "b": {"a": "\\"{"},\n "\\u0061": 3}'),
    reason: "SPEC_SYNTAX",
    says: /^line 3: .*the key "a" stands twice/,
  },
  {
    name: "YAML nested too deep",
    file: bytes("[".repeat(200) + "]".repeat(200)),
    reason: "SPEC_SYNTAX",
    says: /nested deeper than 100 levels/,
  },
  {
    name: "JSON nested far too deep",
    file: bytes(`{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
    reason: "SPEC_SYNTAX",
    says: /nested deeper than 100 levels/,
  },
  {
    name: "aliases that multiply",
    file: bytes(
      `a: &l0 [${"x,".repeat(9)}x]\n${Array.from(
        { length: 12 },
        (_, level) => `k${level}: &l${level + 1} [${`*l${level},`.repeat(9)}*l${level}]`,
      ).join("\n")}`,
    ),
    reason: "SPEC_SYNTAX",
    says: /aliases make it many times larger/,
  },
  {
    name: "an alias of itself",
    file: bytes("a: &a [*a, *a]"),
    reason: "SPEC_SYNTAX",
    says: /aliases|unidentified alias/,
  },
  {
    name: "too many aliases",
    file: bytes(`a: &a 1\nb: [${"*a,".repeat(1_001)}]`),
    reason: "SPEC_SYNTAX",
    says: /alias/,
  },
  {
    name: "a reference to nothing, with its line",
    file: bytes(new TextDecoder().decode(fixture("values")).replace("name: comp-inner", "name: x")),
    reason: "UNKNOWN_COMPONENT",
    says: /^line \d+: root\.dag\.tasks\.inner\.componentRef\.name: there is no component "x"/,
  },
];

describe("loadSpec", () => {
  it("reads what the compiler made of values of every kind", async () => {
    const { spec, pipelineName, warnings, digest } = await loadSpec(fixture("values"));
    assert.equal(pipelineName, "values");
    assert.deepEqual(warnings, []);
    assert.match(digest, /^[0-9a-f]{64}$/);
    const { root } = compilePlan(spec);
    assert.equal(root.displayName, "Every value");
    assert.deepEqual(
      [...(spec.root.body.kind === "dag" ? spec.root.body.dag.tasks.keys() : [])],
      ["describe", "describe-2", "inner", "measure"],
    );
    const options = spec.components.get("comp-measure")?.inputs.parameters.get("options");
    assert.equal(options?.defaultJson, '{"a":1}');
  });

  for (const [name, says] of refused) {
    it(`names what "${name}" needs as not supported`, async () => {
      const error = await failure(fixture(name));
      assert.equal(error.name, "UnsupportedError");
      assert.match(error.message, says);
    });
  }

  it("accepts settings that mean nothing without pods, with a warning", async () => {
    const { warnings } = await loadSpec(fixture("node-selectors"));
    assert.deepEqual(
      warnings.map(({ code }) => code),
      ["PLATFORM_SETTING_IGNORED"],
    );
  });

  for (const c of wrong) {
    it(`refuses ${c.name}`, async () => {
      const error = await failure(c.file);
      assert.equal(error.reason, c.reason, error.message);
      assert.match(error.message, c.says);
    });
  }

  it("keeps the digits of whole numbers past 2^53, from YAML and from JSON", async () => {
    const large = "12345678901234567890";
    const json = JSON.stringify(OK).replace('"constant":"1"', `"constant":[${large},1.50]`);
    const yaml = `--- ${json}\n`;
    for (const text of [json, yaml]) {
      const { spec } = await loadSpec(bytes(text));
      const { body } = spec.root;
      assert.ok(body.kind === "dag");
      const source = body.dag.tasks.get("a")?.parameters.get("x");
      assert.deepEqual(source, { kind: "constant", json: `[${large},1.5]` });
    }
  });

  it("reads what the compiler's YAML leaves without quotes as it was meant", async () => {
    const values = ["0987", "1e3", "1.5e3", "0o14", "-.5", "1.0e+20", "-7", "2.50", "0"];
    const { documents } = parseText(values.map((value) => `- ${value}\n`).join(""));
    assert.deepEqual(documents, [["0987", "1e3", "1.5e3", "0o14", "-.5", 1e20, -7, 2.5, 0]]);
  });

  it("reads a large file on another thread, with the same result and the same errors", async () => {
    const padding = `# ${"x".repeat(OFF_THREAD_BYTES_MIN)}\n`;
    const small = fixture("values");
    const text = new TextDecoder().decode(small);
    const [near, far] = await Promise.all([loadSpec(small), loadSpec(bytes(padding + text))]);
    assert.deepEqual(far.spec, near.spec);
    const errors = await Promise.all(
      Array.from({ length: 5 }, () => failure(bytes(`${padding}a: [`))),
    );
    for (const error of errors) assert.equal(error.reason, "SPEC_SYNTAX");
    const message = (await failure(bytes(padding + text.replace("2.1.0", "9")))).message;
    assert.match(message, /^line \d+: schemaVersion: must be "2.1.0", got "9"/);
  });

  it("finds the line of what is wrong in a file that is nested as deep as it may be", async () => {
    for (let depth = 80; depth <= 100; depth++) {
      const deep: unknown = JSON.parse("[".repeat(depth) + "]".repeat(depth));
      const tasks = { a: { component: "ghost", parameters: { x: constant(deep) } } };
      const { reason } = await failure(bytes(JSON.stringify(pipelineDocument({ tasks }))));
      assert.ok(reason === "UNKNOWN_COMPONENT" || reason === "SPEC_SYNTAX", reason);
    }
  });

  it("refuses large files while many wait, instead of keeping all of them in memory", async () => {
    const file = bytes(`# ${"x".repeat(OFF_THREAD_BYTES_MIN)}\n`);
    const reasons = await Promise.all(
      Array.from({ length: SPECS_WAITING_MAX + 5 }, async () => (await failure(file)).reason),
    );
    assert.equal(reasons.filter((reason) => reason === "SPEC_QUEUE_FULL").length, 3);
    assert.equal((await failure(file)).reason, "NOT_A_PIPELINE");
  });

  it("reads again what was accepted before a check came that it does not pass", async () => {
    const checkedLater = [
      pipelineDocument({ tasks: { a: { parameters: { x: constant("x".repeat(2 ** 20)) } } } }),
      pipelineDocument({
        tasks: { a: {} },
        executors: {
          "exec-step": { container: { image: "alpine", args: ["{{$.workspace_path}}"] } },
        },
      }),
      pipelineDocument({ tasks: { "a'b": {} } }),
    ];
    for (const document of checkedLater) {
      const file = bytes(JSON.stringify(document));
      await failure(file);
      const { spec } = await loadAcceptedSpec(file);
      assert.equal(compilePlan(spec).root.body.kind, "dag");
    }
    await assert.rejects(loadAcceptedSpec(bytes("a: [")), { reason: "SPEC_SYNTAX" });
  });

  it("throws nothing but its own errors for any bytes and any change of a file", async () => {
    await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), assertOwn), {
      numRuns: 500,
    });
    const file = fixture("retries");
    const change = fc.tuple(
      fc.nat(file.length - 1),
      fc.constantFrom(...bytes("\n: -{[&*!\"'a\t\0")),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 5 }), async (changes) => {
        const copy = new Uint8Array(file);
        for (const [at, byte] of changes) copy[at] = byte;
        await assertOwn(copy);
      }),
      { numRuns: 500 },
    );
  });
});

async function assertOwn(file: Uint8Array): Promise<void> {
  try {
    await loadSpec(file);
  } catch (error) {
    assert.ok(error instanceof TidemillError, String(error));
  }
}
