import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createHandlerContext } from "@connectrpc/connect";
import { CanceledError, UnavailableError } from "@tidemill/errors";
import { Health } from "@tidemill/proto/grpc/health/v1/health_pb.ts";
import { defaultLimits } from "./limits.ts";
import { StreamLease } from "./stream-lease.ts";

function context(requestSignal?: AbortSignal) {
  return createHandlerContext({
    service: Health,
    method: Health.method.watch,
    protocolName: "grpc",
    requestMethod: "POST",
    url: "http://localhost/",
    ...(requestSignal === undefined ? {} : { requestSignal }),
  });
}

const forever = () => Promise.withResolvers<string>().promise;

describe("the lease of a stream", () => {
  it("ends when it was idle for too long, and says to resume", async () => {
    const lease = new StreamLease(context(), { ...defaultLimits, streamIdleMs: 5 });
    const error = await assert.rejects(lease.race(forever()), /idle for 5 ms.*resume/);
    assert.equal(error, undefined);
    assert.ok(lease.signal.reason instanceof UnavailableError);
    lease.close();
  });
  it("ends at its age however busy it is", async () => {
    const lease = new StreamLease(context(), { ...defaultLimits, streamAgeMsMax: 5 });
    await assert.rejects(lease.race(forever()), /open for 5 ms/);
    lease.close();
  });
  it("ends when the caller goes away", async () => {
    const caller = new AbortController();
    const lease = new StreamLease(context(caller.signal), defaultLimits);
    const waiting = lease.race(forever());
    caller.abort();
    await assert.rejects(waiting, CanceledError);
    lease.close();
  });
  it("keeps the first reason, and passes results on until then", async () => {
    const lease = new StreamLease(context(), defaultLimits);
    assert.equal(await lease.race(Promise.resolve("x")), "x");
    lease.end(new UnavailableError("server", "stopping"));
    lease.close();
    await assert.rejects(lease.race(forever()), /stopping/);
  });
});
