import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createHostPolicy, isLoopback } from "./host-policy.ts";

const policy = createHostPolicy(["mesh.example.org", "other.example.org:8081"]);

const cases: readonly { host?: string; origin?: string; passes: boolean }[] = [
  { passes: true },
  { host: "localhost", passes: true },
  { host: "LocalHost:81", passes: true },
  { host: "127.0.0.1:8081", passes: true },
  { host: "127.255.255.254", passes: true },
  { host: "[::1]:9", passes: true },
  { host: "mesh.example.org:443", passes: true },
  { host: "Mesh.Example.org", passes: true },
  { host: "other.example.org:8081", passes: true },
  { host: "other.example.org:8082", passes: false },
  { host: "evil.example.org", passes: false },
  { host: "localhost.example.org", passes: false },
  { host: "127.0.0.1.example.org", passes: false },
  { host: "0.0.0.0", passes: false },
  { host: "evil.example.org@localhost", passes: false },
  { host: "localhost/@evil.example.org", passes: false },
  { host: "localhost:99999", passes: false },
  { host: "", passes: false },
  { host: "localhost", origin: "http://localhost:5173", passes: true },
  { host: "localhost", origin: "https://evil.example.org", passes: false },
  { host: "localhost", origin: "null", passes: false },
];

describe("the host policy", () => {
  for (const { host, origin, passes } of cases) {
    it(`${passes ? "lets in" : "refuses"} host ${host} with origin ${origin}`, () => {
      const check = () => policy.require(host, origin);
      if (passes) check();
      else assert.throws(check, /TIDEMILL_ALLOWED_HOSTS/);
    });
  }
  it("remembers no refusal as a pass", () => {
    for (let turn = 0; turn < 2; turn += 1) {
      assert.throws(() => policy.require("evil.example.org", undefined));
    }
  });
  it("knows loopback addresses from all others", () => {
    for (const name of ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"]) {
      assert.ok(isLoopback(name), name);
    }
    for (const name of ["0.0.0.0", "::", "10.0.0.1", "example.org"]) {
      assert.ok(!isLoopback(name), name);
    }
  });
});
