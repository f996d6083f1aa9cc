import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvalidError } from "@tidemill/errors";
import { envReader } from "./env-reader.ts";
import { requireNamespace } from "./namespace.ts";
import { basePorts, portsAt } from "./ports.ts";

describe("envReader", () => {
  const env = envReader({
    N: "7",
    BAD: "seven",
    EMPTY: "",
    YES: "true",
    L: "a, b,,c",
    MODE: "fast",
  });

  it("reads typed values and falls back when absent or empty", () => {
    assert.equal(env.integer("N", 1), 7);
    assert.equal(env.integer("EMPTY", 1), 1);
    assert.equal(env.string("MISSING", "x"), "x");
    assert.equal(env.boolean("YES", false), true);
    assert.deepEqual(env.list("L", []), ["a", "b", "c"]);
    assert.equal(env.oneOf("MODE", ["fast", "slow"], "slow"), "fast");
  });

  const refusals = [
    { name: "a number that is none", read: () => env.integer("BAD", 1), says: /BAD is "seven"/ },
    { name: "a number out of range", read: () => env.integer("N", 1, { max: 5 }), says: /to 5/ },
    {
      name: "a word that is not allowed",
      read: () => env.oneOf("MODE", ["a"], "a"),
      says: /one of a/,
    },
    {
      name: "a boolean that is none",
      read: () => env.boolean("MODE", true),
      says: /true or false/,
    },
    {
      name: "a required value that is missing",
      read: () => env.required("MISSING"),
      says: /must be set/,
    },
  ];
  for (const { name, read, says } of refusals) {
    it(`refuses ${name}, naming variable and value`, () => {
      assert.throws(read, (error: unknown) => {
        assert.ok(error instanceof InvalidError);
        assert.match(error.message, says);
        return true;
      });
    });
  }
});

describe("portsAt", () => {
  it("moves every port by the offset", () => {
    const ports = portsAt(1000);
    for (const name of Object.keys(basePorts) as (keyof typeof basePorts)[]) {
      assert.equal(ports[name], basePorts[name] + 1000);
    }
  });

  it("gives no port twice", () => {
    const values = Object.values(basePorts);
    assert.equal(new Set(values).size, values.length);
  });

  for (const offset of [-1, 0.5, 65_000, Number.NaN]) {
    it(`refuses the offset ${offset}`, () => {
      assert.throws(() => portsAt(offset), InvalidError);
    });
  }
});

describe("requireNamespace", () => {
  it("takes nothing for the default", () => assert.equal(requireNamespace(""), "default"));
  for (const good of ["a", "kubeflow", "team-1", "x".repeat(63)]) {
    it(`accepts ${good}`, () => assert.equal(requireNamespace(good), good));
  }
  for (const bad of [
    "A",
    "-a",
    "a-",
    "a.b",
    "a/b",
    "x".repeat(64),
    "ns=evil.com#",
    "é",
    " ",
    "a\u0000",
  ]) {
    it(`refuses ${JSON.stringify(bad)}`, () =>
      assert.throws(() => requireNamespace(bad), InvalidError));
  }
});
