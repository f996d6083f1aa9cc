import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AlreadyExistsError, NotFoundError, UnavailableError } from "@tidemill/errors";
import { isConnectionLoss, mapError, onUnique } from "./map-error.ts";

function pgError(code: string, fields: object = {}): Error {
  return Object.assign(new Error(`failed with ${code}`), { code, ...fields });
}

describe("mapping of postgres errors", () => {
  const cases: Record<string, string> = {
    "23503": "StateError",
    "23505": "AlreadyExistsError",
    "40001": "ConflictError",
    "40P01": "ConflictError",
    "55P03": "ConflictError",
    "57014": "DeadlineError",
    "53100": "QuotaError",
    "53200": "QuotaError",
    "53300": "UnavailableError",
    "57P01": "UnavailableError",
    "57P03": "UnavailableError",
    "08006": "UnavailableError",
    "28P01": "UnavailableError",
    "3D000": "UnavailableError",
    "25006": "UnavailableError",
    "22021": "InvalidError",
    "22P05": "InvalidError",
    "22P02": "InvalidError",
    XX001: "IntegrityError",
    ECONNREFUSED: "UnavailableError",
    ECONNRESET: "UnavailableError",
  };
  for (const [code, name] of Object.entries(cases)) {
    it(`${code} is a ${name}`, () => {
      const mapped = mapError(pgError(code));
      assert.ok(mapped instanceof Error);
      assert.equal(mapped.name, name);
    });
  }

  it("a broken rule of the schema that nobody named is a bug and stays what it is", () => {
    const error = pgError("23514");
    assert.equal(mapError(error), error);
  });

  it("a time that no partition holds yet is worth another try, and no lost connection", () => {
    const error = mapError(
      Object.assign(new Error('no partition of relation "outbox" found for row'), {
        code: "23514",
        table: "outbox",
      }),
    );
    assert.ok(error instanceof UnavailableError && error.retriable);
    assert.match(error.message, /"outbox" has no partition for this time yet/);
    assert.ok(!isConnectionLoss(error));
  });

  it("what went wrong before stays what it is", () => {
    const error = new NotFoundError("run", "1");
    assert.equal(mapError(error), error);
  });

  it("a connection that ends in the middle is a loss, a full disk is none", () => {
    assert.ok(isConnectionLoss(mapError(new Error("Connection terminated unexpectedly"))));
    assert.ok(!isConnectionLoss(mapError(pgError("53100"))));
    assert.ok(!isConnectionLoss(new UnavailableError("artifacts", "away")));
  });

  it("a unique violation says which row is there, and a store can say it in its own words", async () => {
    const violation = mapError(
      pgError("23505", {
        table: "pipelines",
        constraint: "pipelines_name_key",
        detail: "Key (namespace, name)=(default, iris) already exists.",
      }),
    );
    assert.ok(violation instanceof AlreadyExistsError);
    assert.match(violation.message, /pipelines "default, iris" already exists/);
    const own = new AlreadyExistsError("pipeline", "iris");
    await assert.rejects(
      onUnique(Promise.reject(violation), { pipelines_name_key: () => own }),
      (error) => error === own,
    );
    await assert.rejects(
      onUnique(Promise.reject(violation), { other_key: () => own }),
      (error) => error === violation,
    );
  });
});
