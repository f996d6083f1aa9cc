import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { assertNever, isRetriable, messageOf } from "./assert.ts";
import * as errors from "./errors.ts";
import { TidemillError } from "./tidemill-error.ts";

describe("the error classes", () => {
  const cases = [
    { error: new errors.InvalidError("BAD", "bad"), retriable: false },
    { error: new errors.UnauthenticatedError("NO_TOKEN", "no token"), retriable: false },
    { error: new errors.ForbiddenError("NOT_YOURS", "not yours"), retriable: false },
    { error: new errors.NotFoundError("run", "r1"), retriable: false },
    { error: new errors.AlreadyExistsError("pipeline", "p"), retriable: false },
    { error: new errors.StateError("NOT_READY", "not ready"), retriable: false },
    { error: new errors.ConflictError("SERIALIZATION", "try again"), retriable: true },
    { error: new errors.QuotaError("QUEUE_FULL", "full"), retriable: true },
    { error: new errors.OutOfRangeError("PAST_END", "past the end"), retriable: false },
    { error: new errors.UnavailableError("postgres", "postgres is away"), retriable: true },
    { error: new errors.DeadlineError("DEADLINE", "too late"), retriable: true },
    { error: new errors.CanceledError("CANCELED", "gone"), retriable: false },
    { error: new errors.IntegrityError("DIGEST_MISMATCH", "differs"), retriable: false },
    { error: new errors.UnsupportedError("loops", "not yet"), retriable: false },
  ];
  for (const { error, retriable } of cases) {
    it(`${error.name} is ${retriable ? "" : "not "}retriable and has a stable reason`, () => {
      assert.ok(error instanceof TidemillError);
      assert.equal(error.name, error.constructor.name);
      assert.equal(isRetriable(error), retriable);
      assert.match(error.reason, /^[A-Z][A-Z_]*$/);
    });
  }

  it("names what was not found, with the id quoted", () => {
    const error = new errors.NotFoundError("run", "abc");
    assert.equal(error.message, 'run "abc" was not found');
    assert.deepEqual(error.metadata, { kind: "run", id: "abc" });
  });

  it("keeps the cause for the log", () => {
    const cause = new Error("below");
    assert.equal(new errors.UnavailableError("nats", "nats is away", { cause }).cause, cause);
  });
});

describe("assert helpers", () => {
  it("an error of nobody's class counts as retriable", () => {
    assert.equal(isRetriable(new Error("what?")), true);
    assert.equal(isRetriable("a string"), true);
  });

  it("assertNever names the value it did not expect", () => {
    assert.throws(
      () => assertNever({ kind: "x" } as never, "kind"),
      /unexpected kind: {"kind":"x"}/,
    );
  });

  it("messageOf takes whatever was thrown", () => {
    assert.equal(messageOf(new Error("a")), "a");
    assert.equal(messageOf(42), "42");
  });
});
