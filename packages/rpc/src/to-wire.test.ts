import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  AlreadyExistsError,
  CanceledError,
  ConflictError,
  DeadlineError,
  ForbiddenError,
  IntegrityError,
  InvalidError,
  NotFoundError,
  OutOfRangeError,
  QuotaError,
  StateError,
  TidemillError,
  UnauthenticatedError,
  UnavailableError,
  UnsupportedError,
} from "@tidemill/errors";
import { fromWire } from "./from-wire.ts";
import { grpcStatusOf } from "./grpc-status.ts";
import { fitMessage, toWire } from "./to-wire.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const more = { metadata: { limit: "5" } };

const errors: readonly { error: TidemillError; code: Code }[] = [
  {
    error: new InvalidError("BAD", "bad é", [{ field: "a.b", description: "no" }], more),
    code: Code.InvalidArgument,
  },
  { error: new UnauthenticatedError("WHO", "who", more), code: Code.Unauthenticated },
  { error: new ForbiddenError("NO", "no", more), code: Code.PermissionDenied },
  { error: new NotFoundError("run", "x", more), code: Code.NotFound },
  { error: new AlreadyExistsError("run", "x"), code: Code.AlreadyExists },
  { error: new StateError("DONE", "done", more), code: Code.FailedPrecondition },
  { error: new ConflictError("RACE", "race"), code: Code.Aborted },
  { error: new QuotaError("FULL", "full", more), code: Code.ResourceExhausted },
  { error: new OutOfRangeError("PAST_END", "past"), code: Code.OutOfRange },
  { error: new UnavailableError("postgres", "away"), code: Code.Unavailable },
  { error: new DeadlineError("LATE", "late"), code: Code.DeadlineExceeded },
  { error: new CanceledError("GONE", "gone"), code: Code.Canceled },
  { error: new IntegrityError("ROTTEN", "rotten"), code: Code.DataLoss },
  { error: new UnsupportedError("loops", "no loops yet"), code: Code.Unimplemented },
];

/** What a grpc-js client makes of a status. */
function received(error: unknown): ServiceError {
  const { code, details, metadata } = grpcStatusOf(toWire(error, TRACE));
  return Object.assign(new Error(details), { code, details, metadata });
}

describe("an error over the wire", () => {
  for (const { error, code } of errors) {
    it(`comes back as the same ${error.name}`, () => {
      assert.equal(toWire(error, TRACE).code, code);
      const back = fromWire(received(error));
      assert.ok(back instanceof TidemillError);
      assert.equal(back.constructor, error.constructor);
      assert.deepEqual(
        [back.reason, back.message, back.metadata, back.retriable],
        [error.reason, error.message, error.metadata, error.retriable],
      );
      if (error instanceof InvalidError) {
        assert.ok(back instanceof InvalidError);
        assert.deepEqual(back.violations, error.violations);
      }
    });
  }

  it("that is a bug says nothing but its trace id", () => {
    for (const bug of [new TypeError("secret"), "secret", undefined, new ConnectError("secret")]) {
      const wire = toWire(bug, TRACE);
      assert.equal(wire.code, Code.Internal);
      assert.equal(wire.rawMessage, `internal error, trace id ${TRACE}`);
      assert.equal(toWire(wire, ""), wire);
    }
  });

  it("fits into the headers that every client accepts, whatever it holds", () => {
    const violations = Array.from({ length: 500 }, (_, index) => ({
      field: `tasks[${index}]`,
      description: "é".repeat(100),
    }));
    const metadata = Object.fromEntries(violations.map(({ field }) => [field, "x".repeat(300)]));
    const error = new InvalidError("R".repeat(9_000), "\ud800é%".repeat(3_000), violations, {
      metadata,
    });
    const { metadata: headers, details } = grpcStatusOf(toWire(error, TRACE));
    const [bytes] = headers.get("grpc-status-details-bin");
    assert.ok(encodeURIComponent(details).length <= 1_536);
    assert.ok(Buffer.isBuffer(bytes) && bytes.length < 5_000, String(bytes?.length));
  });

  it("says how many violations were left out", () => {
    const violations = Array.from({ length: 300 }, () => ({
      field: "f",
      description: "d".repeat(90),
    }));
    const back = fromWire(received(new InvalidError("MANY", "many", violations)));
    assert.ok(back instanceof InvalidError);
    const { violations_omitted: omitted } = back.metadata;
    assert.equal(back.violations.length + Number(omitted), 300);
  });

  it("without details is still one of ours", () => {
    const bare = (code: number) =>
      fromWire(
        Object.assign(new Error("x"), { code, details: "text", metadata: new Metadata() }),
        "127.0.0.1:1",
      );
    assert.ok(bare(Code.Unavailable) instanceof UnavailableError);
    assert.ok(bare(Code.DeadlineExceeded) instanceof DeadlineError);
    assert.ok(bare(Code.NotFound) instanceof NotFoundError);
    assert.equal(bare(Code.NotFound).message, "text");
    assert.ok(bare(Code.Internal) instanceof ConnectError);
  });

  it("with details that are none keeps its code and message", () => {
    const metadata = new Metadata();
    metadata.set("grpc-status-details-bin", Buffer.from([0xff, 0xff]));
    const error = Object.assign(new Error("x"), { code: Code.NotFound, details: "y", metadata });
    assert.ok(fromWire(error) instanceof NotFoundError);
  });

  it("is not worth repeating when it is about the size of a message", () => {
    for (const details of [
      "Received message larger than max (5 vs 4)",
      "Attempted to send message with a size larger than 4",
      "Received message that decompresses to a size larger than 4",
    ]) {
      const code = Code.ResourceExhausted;
      const back = fromWire(
        Object.assign(new Error(), { code, details, metadata: new Metadata() }),
      );
      assert.ok(back instanceof InvalidError);
      assert.equal(back.reason, "MESSAGE_TOO_LARGE");
      assert.match(back.message, /larger than/);
    }
  });
});

describe("a message in a header", () => {
  it("is left as it is when it fits", () => assert.equal(fitMessage("short é"), "short é"));
  it("is cut on a whole character", () => {
    const cut = fitMessage("😀".repeat(2_000));
    assert.ok(cut.isWellFormed() && cut.endsWith("…"));
  });
});
