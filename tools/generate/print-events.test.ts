import assert from "node:assert/strict";
import { it } from "node:test";
import { create, type DescMessage, toBinary } from "@bufbuild/protobuf";
import { type FileDescriptorProto, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { file_tidemill_artifacts_v1_events } from "@tidemill/proto/tidemill/artifacts/v1/events_pb.ts";
import { file_tidemill_orchestrator_v1_events } from "@tidemill/proto/tidemill/orchestrator/v1/events_pb.ts";
import { printEvents } from "./print-events.ts";

type DescFile = DescMessage["file"];

function withImports(file: DescFile, into: Map<string, FileDescriptorProto>): void {
  for (const dependency of file.dependencies) withImports(dependency, into);
  into.set(file.name, file.proto);
}

it("names every event with its subject and explains what its data is made of", () => {
  const files = new Map<string, FileDescriptorProto>();
  withImports(file_tidemill_artifacts_v1_events, files);
  withImports(file_tidemill_orchestrator_v1_events, files);
  const set = create(FileDescriptorSetSchema, { file: [...files.values()] });
  const text = printEvents(toBinary(FileDescriptorSetSchema, set));
  assert.match(
    text,
    /\| `tidemill\.orchestrator\.<namespace>\.run\.submitted\.v1` \| \[RunSubmitted\]/,
  );
  assert.match(text, /\| `tidemill\.artifacts\.<namespace>\.artifact\.created\.v1` \|/);
  assert.match(text, /### RunEventData\n/);
  const links = [...text.matchAll(/\]\(#([a-z0-9]+)\)/g)].map((match) => match[1]);
  for (const link of links) assert.match(text.toLowerCase(), new RegExp(`### ${link}\n`));
});
