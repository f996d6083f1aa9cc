import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { meaningOf } from "./image-table.ts";

describe("the image table", () => {
  const cases: readonly [string, ReturnType<typeof meaningOf>][] = [
    ["python:3.9-slim-buster", { kind: "python", version: "3.9" }],
    ["docker.io/library/python:3.12.4-alpine", { kind: "python", version: "3.12" }],
    ["python@sha256:00", { kind: "python", version: undefined }],
    ["python:latest", { kind: "python", version: undefined }],
    ["registry.access.redhat.com/ubi9/python-311:latest", { kind: "python", version: "3.11" }],
    ["ubi9/python-39", { kind: "python", version: "3.9" }],
    ["alpine", { kind: "tools" }],
    ["library/busybox:1.36", { kind: "tools" }],
    ["debian:bookworm-slim", { kind: "tools" }],
    ["localhost:5000/python:3.11", { kind: "unknown" }],
    ["gcr.io/my-image", { kind: "unknown" }],
    ["", { kind: "unknown" }],
  ];
  for (const [image, meaning] of cases) {
    it(`knows "${image}" as ${meaning.kind}`, () => assert.deepEqual(meaningOf(image), meaning));
  }
});
