import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { create } from "@bufbuild/protobuf";
import { PipelineParameterSchema } from "@tidemill/proto/tidemill/orchestrator/v1/pipeline_pb.ts";
import { readParameters } from "./parameters.ts";

const declare = (name: string, type: string, optional = false) =>
  create(PipelineParameterSchema, { name, type, optional });
const declared = [
  declare("title", "STRING"),
  declare("epochs", "NUMBER_INTEGER"),
  declare("rate", "NUMBER_DOUBLE"),
  declare("shuffle", "BOOLEAN"),
  declare("layers", "LIST"),
  declare("options", "STRUCT"),
  declare("limit", "NUMBER_INTEGER", true),
  declare("note", "STRING", true),
];

const accepted: readonly { assignment: string; json: string }[] = [
  { assignment: "title=007", json: '"007"' },
  { assignment: "title=a=b", json: '"a=b"' },
  { assignment: "title=", json: '""' },
  { assignment: "epochs=+12", json: "12" },
  { assignment: "epochs=12345678901234567890", json: "12345678901234567890" },
  { assignment: "epochs=-007", json: "-7" },
  { assignment: "epochs=0", json: "0" },
  { assignment: "rate=1e-3", json: "1e-3" },
  { assignment: "rate=0.12345678901234567890", json: "0.12345678901234567890" },
  { assignment: "rate=.5", json: "0.5" },
  { assignment: "limit=null", json: "null" },
  { assignment: "note=null", json: '"null"' },
  { assignment: "shuffle=True", json: "true" },
  { assignment: "layers=[1, 2]", json: "[1, 2]" },
  { assignment: 'options={"a": 1}', json: '{"a": 1}' },
];

const refused: readonly { assignment: string; message: RegExp }[] = [
  { assignment: "epochs=1.5", message: /-p epochs=1.5: NUMBER_INTEGER takes a whole number/ },
  { assignment: "rate=fast", message: /NUMBER_DOUBLE takes a number/ },
  { assignment: "epochs=null", message: /NUMBER_INTEGER takes a whole number/ },
  { assignment: "rate=", message: /NUMBER_DOUBLE takes a number/ },
  { assignment: "shuffle=1", message: /BOOLEAN takes true or false/ },
  { assignment: "layers={}", message: /LIST takes a JSON list/ },
  { assignment: "options=[]", message: /STRUCT takes a JSON object/ },
  { assignment: "epoch=3", message: /no parameter "epoch"; it has title, epochs/ },
  { assignment: "epochs", message: /write it as name=value/ },
];

describe("readParameters", () => {
  for (const { assignment, json } of accepted) {
    it(`reads ${assignment} by its type`, () => {
      const name = assignment.slice(0, assignment.indexOf("="));
      assert.deepEqual(readParameters(declared, [assignment], undefined), { [name]: json });
    });
  }
  for (const { assignment, message } of refused) {
    it(`refuses ${assignment}`, () => {
      assert.throws(() => readParameters(declared, [assignment], undefined), message);
    });
  }

  it("takes a file's values as they are, and -p over them", () => {
    const file = '{"epochs": 3, "title": "from the file"}';
    assert.deepEqual(readParameters(declared, ["epochs=4"], file), {
      epochs: "4",
      title: '"from the file"',
    });
  });

  it("keeps every digit of a file's numbers, at any depth", () => {
    const file = '{"epochs": 12345678901234567890, "options": {"a": [1.0, 1e400]}}';
    assert.deepEqual(readParameters(declared, [], file), {
      epochs: "12345678901234567890",
      options: '{"a":[1.0,1e400]}',
    });
  });

  it("refuses a file that is no JSON object, and a name in it that is not declared", () => {
    assert.throws(() => readParameters(declared, [], "[1]"), /one JSON object/);
    assert.throws(() => readParameters(declared, [], '{"x": 1}'), /no parameter "x"/);
  });
});
