import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type Piece, parseTemplate } from "./placeholders.ts";

const cases: readonly { name: string; text: string; pieces: readonly Piece[] }[] = [
  { name: "a text without any", text: "a b", pieces: [{ kind: "literal", text: "a b" }] },
  { name: "an empty text", text: "", pieces: [{ kind: "literal", text: "" }] },
  { name: "the executor input", text: "{{$}}", pieces: [{ kind: "executorInput" }] },
  {
    name: "the executor output file, by both names",
    text: "{{$.outputs.output_file}}{{$.outputMetadataUri}}",
    pieces: [{ kind: "executorOutputFile" }, { kind: "executorOutputFile" }],
  },
  {
    name: "an input parameter within text, in every kind of quote",
    text: [
      "a{{$.inputs.parameters['x']}}b",
      '{{$.inputs.parameters["y z"]}}',
      "{{$.inputs.parameters[''é'']}}",
    ].join(""),
    pieces: [
      { kind: "literal", text: "a" },
      { kind: "inputParameter", name: "x" },
      { kind: "literal", text: "b" },
      { kind: "inputParameter", name: "y z" },
      { kind: "inputParameter", name: "é" },
    ],
  },
  {
    name: "the file of an output parameter",
    text: "{{$.outputs.parameters['o'].output_file}}",
    pieces: [{ kind: "outputParameterFile", name: "o" }],
  },
  ...(["uri", "path", "metadata"] as const).map((field) => ({
    name: `the ${field} of an artifact`,
    text: `{{$.inputs.artifacts['d'].${field}}}{{$.outputs.artifacts['e'].${field}}}`,
    pieces: [
      { kind: "inputArtifact", name: "d", field, metadataKey: undefined },
      { kind: "outputArtifact", name: "e", field, metadataKey: undefined },
    ] as const,
  })),
  {
    name: "one entry of the metadata, and all of an artifact",
    text: "{{$.inputs.artifacts['d'].metadata['k']}}{{$.inputs.artifacts['d']}}",
    pieces: [
      { kind: "inputArtifact", name: "d", field: "metadata", metadataKey: "k" },
      { kind: "inputArtifact", name: "d", field: "record", metadataKey: undefined },
    ],
  },
  ...(
    [
      ["pipeline_job_name", "jobName"],
      ["pipeline_job_resource_name", "jobResourceName"],
      ["pipeline_job_uuid", "jobId"],
      ["pipeline_task_name", "taskName"],
      ["pipeline_task_uuid", "taskId"],
      ["pipeline_job_create_time_utc", "createTime"],
      ["pipeline_job_schedule_time_utc", "scheduleTime"],
      ["pipeline_root", "pipelineRoot"],
    ] as const
  ).map(([placeholder, field]) => ({
    name: placeholder,
    text: `{{$.${placeholder}}}`,
    pieces: [{ kind: "job", field }] as const,
  })),
  {
    name: "what only looks like one, left as it is",
    text: "{{$name}} {{$.inputs.parameters[x]}} {{$ {{$}}",
    pieces: [
      { kind: "literal", text: "{{$name}} {{$.inputs.parameters[x]}} {{$ " },
      { kind: "executorInput" },
    ],
  },
];

describe("parseTemplate", () => {
  for (const c of cases) {
    it(`finds ${c.name}`, () => assert.deepEqual(parseTemplate(c.text).template, c.pieces));
  }

  it("names what KFP has and Tidemill does not, and what nobody knows", () => {
    const { unsupported, unknown } = parseTemplate(
      "{{$.workspace_path}}/a {{$.pipeline_google_cloud_location}} {{$.json_escape[1]}} {{$x}}",
    );
    assert.deepEqual(
      unsupported.map(({ placeholder }) => placeholder),
      ["{{$.workspace_path}}", "{{$.pipeline_google_cloud_location}}"],
    );
    assert.deepEqual(unknown, ["{{$.json_escape[1]}}"]);
  });

  it("takes a time that grows with the text and not with its square", () => {
    for (const opening of ["{{$", "{{$.", "{{$.inputs.parameters['a'"]) {
      const text = `${opening.repeat(700_000)}}}`;
      const startedMs = performance.now();
      parseTemplate(text);
      // A tenth of this where it is slow; hours when every opening looks at all that follows.
      assert.ok(performance.now() - startedMs < 10_000, opening);
    }
  });

  it("loses no character of any text", () => {
    const fragment = fc.constantFrom("{{$", "}}", ".inputs", ".parameters", "['x']", "{{$}}", "a");
    fc.assert(
      fc.property(fc.array(fragment), (fragments) => {
        const text = fragments.join("");
        const back = parseTemplate(text).template.map((piece) => {
          if (piece.kind === "literal") return piece.text;
          return piece.kind === "inputParameter" ? "{{$.inputs.parameters['x']}}" : "{{$}}";
        });
        assert.equal(back.join(""), text);
      }),
      { numRuns: 2_000 },
    );
  });
});
