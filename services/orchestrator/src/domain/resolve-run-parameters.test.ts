import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvalidError } from "@tidemill/errors";
import { parameter, pipelineDocument } from "../../test/pipeline-builder.ts";
import { planOf } from "../../test/run-driver.ts";
import { resolveRunParameters } from "./resolve-run-parameters.ts";

const PLAN = planOf(
  pipelineDocument({
    tasks: { a: {} },
    inputs: {
      n: parameter("NUMBER_INTEGER"),
      rate: parameter("NUMBER_DOUBLE", { defaultValue: 0.5 }),
      note: parameter("STRING", { isOptional: true }),
      mode: parameter("STRING", { defaultValue: "a", literals: ["a", "b"] }),
      tree: parameter("LIST", { isOptional: true, literals: [[], [1]] }),
    },
  }),
);

const wrong: readonly { name: string; given: Record<string, string>; says: RegExp }[] = [
  {
    name: "a required one that is missing",
    given: {},
    says: /^parameter "n" is missing: it must be a whole number/,
  },
  {
    name: "one that does not exist",
    given: { n: "1", m: "2" },
    says: /no parameter "m"; it has n, rate, note, mode, tree/,
  },
  { name: "a value of another type", given: { n: '"3"' }, says: /must be a whole number.*got "3"/ },
  { name: "a fraction for a whole number", given: { n: "1.5" }, says: /must be a whole number/ },
  {
    name: "null for a required one",
    given: { n: "null" },
    says: /must be a whole number.*got null/,
  },
  { name: "what is no JSON", given: { n: "three" }, says: /must be JSON text, got three/ },
  {
    name: "a value nested deeper than anybody could read it",
    given: { n: "1", tree: "[".repeat(30_000) + "]".repeat(30_000) },
    says: /parameter "tree" is nested deeper than 500 levels/,
  },
  { name: "none of the literals", given: { n: "1", mode: '"c"' }, says: /must be one of "a", "b"/ },
];

describe("resolveRunParameters", () => {
  it("fills in defaults, gives null for what is optional, and keeps digits", () => {
    const large = "12345678901234567890";
    assert.deepEqual(resolveRunParameters(PLAN, { n: large }), {
      n: { kind: "json", json: large },
      rate: { kind: "json", json: "0.5" },
      note: { kind: "json", json: "null" },
      mode: { kind: "json", json: '"a"' },
      tree: { kind: "json", json: "null" },
    });
  });

  for (const c of wrong) {
    it(`refuses ${c.name}`, () => {
      assert.throws(
        () => resolveRunParameters(PLAN, c.given),
        (error) => error instanceof InvalidError && c.says.test(error.message),
      );
    });
  }

  it("names no more problems than anybody would read", () => {
    const given = Object.fromEntries(
      Array.from({ length: 5_000 }, (_, index) => [`z${index}`, "1"]),
    );
    assert.throws(
      () => resolveRunParameters(PLAN, given),
      (error) =>
        error instanceof InvalidError &&
        error.violations.length === 20 &&
        /\(and 5000 more problems\)/.test(error.message),
    );
  });

  it("names every problem at once", () => {
    assert.throws(
      () => resolveRunParameters(PLAN, { z: "1", rate: "[]" }),
      (error) =>
        error instanceof InvalidError &&
        error.violations.length === 3 &&
        error.metadata.missing === "n",
    );
  });
});
