import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { createHandlerContext } from "@connectrpc/connect";
import {
  CreateRunRequestSchema,
  RunService,
} from "@tidemill/proto/tidemill/orchestrator/v1/run_service_pb.ts";
import { callerKey } from "./context-keys.ts";
import { idempotencyOf } from "./idempotency.ts";

const method = RunService.method.createRun;
type Init = MessageInitShape<typeof CreateRunRequestSchema>;

function keyOf(init: Init, caller?: string) {
  const context = createHandlerContext({
    service: RunService,
    method,
    protocolName: "grpc",
    requestMethod: "POST",
    url: "http://localhost/",
  });
  if (caller !== undefined) context.values.set(callerKey, caller);
  return idempotencyOf(method, create(CreateRunRequestSchema, init), context);
}

const digestOf = (init: Init) => Buffer.from(keyOf(init)?.digest ?? []).toString("hex");
const request: Init = { requestId: "r", name: "n", parametersJson: { a: "1", b: "2" } };

describe("an idempotency key", () => {
  it("is absent without a request id", () => assert.equal(keyOf({ name: "n" }), undefined));
  it("names namespace, method, caller and request id", () => {
    const { digest, ...key } = keyOf(request, "ann") ?? { digest: new Uint8Array() };
    assert.equal(digest.length, 32);
    assert.deepEqual(key, {
      namespace: "default",
      method: "tidemill.orchestrator.v1.RunService/CreateRun",
      caller: "ann",
      requestId: "r",
    });
  });
  it("has the same digest for the same request in other words", () => {
    const other: Init = { ...request, requestId: "other", namespace: "default" };
    assert.equal(digestOf({ ...other, parametersJson: { b: "2", a: "1" } }), digestOf(request));
  });
  it("has another digest for another request", () => {
    assert.notEqual(digestOf({ ...request, name: "m" }), digestOf(request));
    assert.notEqual(digestOf({ ...request, parametersJson: { a: "1" } }), digestOf(request));
  });
});
