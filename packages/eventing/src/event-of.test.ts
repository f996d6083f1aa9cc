import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create, fromBinary } from "@bufbuild/protobuf";
import { InvalidError } from "@tidemill/errors";
import { EventSchema } from "@tidemill/proto/tidemill/common/v1/event_pb.ts";
import {
  RunSubmittedSchema,
  RunTerminationRequestedSchema,
} from "@tidemill/proto/tidemill/orchestrator/v1/events_pb.ts";
import { cloudEventHeaders, positionOf } from "./cloud-event-headers.ts";
import { EVENT_BYTES_MAX, eventOf } from "./event-of.ts";

const attributes = {
  id: "019ac000-0000-7000-8000-000000000001",
  namespace: "team-a",
  entityId: "run-1",
  entityVersion: 3,
  time: Date.parse("2026-11-25T10:00:00Z"),
};

describe("an event", () => {
  it("takes its type, source and subject from the option of its message", () => {
    const message = create(RunSubmittedSchema, { run: { id: "run-1", name: "iris" } });
    const event = eventOf(RunSubmittedSchema, attributes, message);
    assert.equal(event.subject, "tidemill.orchestrator.team-a.run.submitted.v1");
    assert.equal(event.type, "tidemill.orchestrator.v1.RunSubmitted");
    assert.equal(event.source, "/tidemill/orchestrator");
    assert.equal(event.entity, "run");
    assert.equal(event.traceparent, "");
    assert.deepEqual(fromBinary(RunSubmittedSchema, event.data), message);
  });

  it("keeps a verb of two words", () => {
    const message = create(RunTerminationRequestedSchema);
    const event = eventOf(RunTerminationRequestedSchema, attributes, message);
    assert.equal(event.subject, "tidemill.orchestrator.team-a.run.termination-requested.v1");
  });

  it("travels as CloudEvents headers", () => {
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const event = eventOf(
      RunSubmittedSchema,
      { ...attributes, entityId: "läuft 1", traceparent },
      create(RunSubmittedSchema),
    );
    const headers = cloudEventHeaders({ ...event, position: 42 });
    const expected = {
      "ce-specversion": "1.0",
      "ce-id": attributes.id,
      "ce-source": "/tidemill/orchestrator",
      "ce-type": "tidemill.orchestrator.v1.RunSubmitted",
      "ce-subject": "run/l%C3%A4uft%201",
      "ce-time": "2026-11-25T10:00:00.000Z",
      "ce-datacontenttype": "application/protobuf",
      "ce-dataschema": "type.googleapis.com/tidemill.orchestrator.v1.RunSubmitted",
      "ce-sequence": "3",
      "ce-namespace": "team-a",
      "ce-position": "42",
      "ce-traceparent": traceparent,
    };
    for (const [name, value] of Object.entries(expected)) assert.equal(headers.get(name), value);
    assert.equal(positionOf(headers), 42);
  });

  it("refuses a message that the broker would not take", () => {
    const message = create(RunSubmittedSchema, { run: { name: "x".repeat(EVENT_BYTES_MAX) } });
    assert.throws(
      () => eventOf(RunSubmittedSchema, attributes, message),
      (error) => error instanceof InvalidError && error.reason === "EVENT_TOO_LARGE",
    );
  });

  it("cannot be made of a message that is none", () => {
    assert.throws(() => eventOf(EventSchema, attributes, create(EventSchema)), /event option/);
  });
});
