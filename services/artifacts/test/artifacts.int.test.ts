import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { InvalidError, NotFoundError, StateError } from "@tidemill/errors";
import { ArtifactCreatedSchema } from "@tidemill/proto/tidemill/artifacts/v1/events_pb.ts";
import { eventually } from "@tidemill/testing";
import { putBlob, startArtifacts, type TestArtifacts } from "./helpers.ts";

describe("artifacts and trees", () => {
  let stack: TestArtifacts;
  before(async () => {
    stack = await startArtifacts();
  });
  after(() => stack.stop());

  async function uploadFile(path: string, options: { executable?: boolean } = {}) {
    const bytes = randomBytes(100);
    const { digest } = await putBlob(stack.origin, bytes);
    return { path, blobDigest: digest, sizeBytes: 100n, executable: options.executable ?? false };
  }

  it("keeps a tree under the digest of its sorted list, readable as a blob too", async () => {
    const files = [await uploadFile("b/run.sh", { executable: true }), await uploadFile("a.txt")];
    const { tree } = await stack.artifacts.createTree({ files });
    const [second, first] = files;
    const text =
      `a.txt\0${100}\0${first?.blobDigest}\n` + `b/run.sh\0${100}\0${second?.blobDigest}\0x\n`;
    const digest = createHash("sha256").update(text).digest("hex");
    assert.equal(tree?.digest, digest);
    assert.equal(tree.sizeBytes, 200n);
    const got = await stack.artifacts.getTree({ digest });
    assert.deepEqual(
      got.tree?.files.map((file) => [file.path, file.executable]),
      [
        ["a.txt", false],
        ["b/run.sh", true],
      ],
    );
    assert.equal(got.tree?.fileCount, 2n);
    const blob = await fetch(`${stack.origin}/v1/blobs/${digest}`);
    assert.equal(await blob.text(), text);
  });

  it("keeps a tree of no files", async () => {
    const { tree } = await stack.artifacts.createTree({ files: [] });
    const got = await stack.artifacts.getTree({ digest: tree?.digest ?? "" });
    assert.deepEqual(got.tree?.files, []);
  });

  it("keeps a tree of very many files by their list, and gives it back page by page", async () => {
    const { digest } = await putBlob(stack.origin, Buffer.from("x"));
    const paths = Array.from({ length: 100_000 }, (_, index) => `part-${index % 100}/${index}.bin`);
    const lines = paths.toSorted().map((path) => `${path}\0${1}\0${digest}\n`);
    const list = await putBlob(stack.origin, Buffer.from(lines.join("")));
    const { tree } = await stack.artifacts.createTree({ listDigest: list.digest });
    assert.equal(tree?.digest, list.digest);
    assert.equal(tree.fileCount, 100_000n);
    const found: string[] = [];
    let pageToken = "";
    do {
      const page = await stack.artifacts.getTree({ digest: tree.digest, pageToken });
      found.push(...(page.tree?.files.map((file) => file.path) ?? []));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    assert.deepEqual(found, paths.toSorted());
  });

  const badLists: readonly [string, string][] = [
    ["is no list", "hello"],
    ["is not sorted", `b\0${1}\0DIGEST\na\0${1}\0DIGEST\n`],
    ["has numbers written otherwise", `a\0${"01"}\0DIGEST\n`],
    ["has a path that climbs out", `../a\0${1}\0DIGEST\n`],
  ];
  for (const [name, text] of badLists) {
    it(`refuses a list that ${name}`, async () => {
      const { digest } = await putBlob(stack.origin, Buffer.from("x"));
      const list = await putBlob(stack.origin, Buffer.from(text.replaceAll("DIGEST", digest)));
      const created = stack.artifacts.createTree({ listDigest: list.digest });
      await assert.rejects(created, isInvalid("BAD_TREE"));
    });
  }

  it("refuses a tree with a path that climbs out, and one whose blobs are not there", async () => {
    const climbing = [await uploadFile("../etc/passwd")];
    await assert.rejects(stack.artifacts.createTree({ files: climbing }), isInvalid("BAD_TREE"));
    const blobDigest = "d".repeat(64);
    const missing = [{ path: "a", blobDigest, sizeBytes: 1n }];
    await assert.rejects(
      stack.artifacts.createTree({ files: missing }),
      (error) => error instanceof StateError && error.reason === "BLOBS_MISSING",
    );
    const wrongSize = [{ ...(await uploadFile("a")), sizeBytes: 7n }];
    await assert.rejects(stack.artifacts.createTree({ files: wrongSize }), isInvalid("BAD_TREE"));
  });

  it("records an artifact with its event, once per request id", async () => {
    const { digest } = await putBlob(stack.origin, randomBytes(1234));
    const request = {
      requestId: "attempt-1/model",
      name: "model",
      schemaTitle: "system.Model",
      schemaVersion: "0.0.1",
      uri: "minio://mlpipeline/v2/artifacts/x/model",
      metadataJson: '{"framework":"sklearn","n":1.0}',
      content: { case: "blobDigest" as const, value: digest },
      producer: { runId: "run-a", taskId: "train", attemptId: "attempt-1", output: "model" },
    };
    const [one, two] = await Promise.all([
      stack.artifacts.createArtifact(request),
      stack.artifacts.createArtifact(request),
    ]);
    const three = await stack.artifacts.createArtifact(request);
    assert.deepEqual(two, one);
    assert.deepEqual(three, one);
    const artifact = one.artifact;
    assert.equal(artifact?.sizeBytes, 1234n);
    assert.equal(artifact.metadataJson, request.metadataJson);
    assert.deepEqual((await stack.artifacts.getArtifact({ id: artifact.id })).artifact, artifact);
    await assert.rejects(
      stack.artifacts.createArtifact({ ...request, name: "other" }),
      isInvalid("REQUEST_ID_REUSED"),
    );
    const events = await eventually(async () => {
      const page = await stack.events.listEvents({});
      return page.events.length > 0 ? page.events : undefined;
    });
    assert.equal(events.length, 1);
    assert.equal(events[0]?.subject, "tidemill.artifacts.default.artifact.created.v1");
    const message = fromBinary(ArtifactCreatedSchema, events[0].data);
    assert.deepEqual(message.artifact, artifact);
  });

  it("does not record an artifact whose content is not there", async () => {
    const value = "e".repeat(64);
    for (const content of [
      { case: "blobDigest" as const, value },
      { case: "treeDigest" as const, value },
    ]) {
      await assert.rejects(
        stack.artifacts.createArtifact({ name: "x", content }),
        (error) => error instanceof StateError && error.reason === "CONTENT_MISSING",
      );
    }
    const elsewhere = await putBlob(stack.origin, randomBytes(10), "team-b");
    const content = { case: "blobDigest" as const, value: elsewhere.digest };
    await assert.rejects(stack.artifacts.createArtifact({ name: "x", content }), StateError);
  });

  for (const metadataJson of [
    "[]",
    "1",
    "null",
    "{",
    '"x"',
    `{"a":${"[".repeat(70)}${"]".repeat(70)}}`,
  ]) {
    it(`refuses the metadata ${metadataJson.slice(0, 12)}`, async () => {
      await assert.rejects(
        stack.artifacts.createArtifact({ name: "x", metadataJson }),
        isInvalid("BAD_METADATA"),
      );
    });
  }

  it("lists the newest first, page by page, of a run or of all", async () => {
    const namespace = "lists";
    const made: string[] = [];
    for (let index = 0; index < 7; index += 1) {
      const producer = { runId: index % 2 === 0 ? "even" : "odd" };
      const request = { namespace, name: `n${index}`, uri: "https://example.org", producer };
      made.push((await stack.artifacts.createArtifact(request)).artifact?.id ?? "");
    }
    const found: string[] = [];
    let pageToken = "";
    do {
      const page = await stack.artifacts.listArtifacts({ namespace, pageSize: 3, pageToken });
      found.push(...page.artifacts.map((artifact) => artifact.id));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    assert.deepEqual(found, made.toReversed());
    const odd = await stack.artifacts.listArtifacts({ namespace, runId: "odd", pageSize: 2 });
    assert.deepEqual(
      odd.artifacts.map((artifact) => artifact.name),
      ["n5", "n3"],
    );
    const token = odd.nextPageToken;
    const other = { namespace, runId: "even", pageToken: token };
    await assert.rejects(stack.artifacts.listArtifacts(other), isInvalid("BAD_PAGE_TOKEN"));
    const forged = { namespace, runId: "odd", pageToken: `${token.slice(0, -2)}AA` };
    await assert.rejects(stack.artifacts.listArtifacts(forged), isInvalid("BAD_PAGE_TOKEN"));
  });

  it("tells which blobs are missing, and the chunks of one that is there", async () => {
    const bytes = randomBytes(5_000_000);
    const { digest } = await putBlob(stack.origin, bytes);
    const absent = "f".repeat(64);
    const missing = await stack.artifacts.findMissingBlobs({ digests: [absent, digest, absent] });
    assert.deepEqual(missing.missingDigests, [absent]);
    const { blob } = await stack.artifacts.getBlob({ digest });
    const first = createHash("sha256")
      .update(bytes.subarray(0, 4 * 1024 * 1024))
      .digest();
    assert.equal(blob?.chunkDigests.length, 2);
    assert.ok(first.equals(blob.chunkDigests[0] ?? new Uint8Array()));
    await assert.rejects(stack.artifacts.getBlob({ digest: absent }), NotFoundError);
    await assert.rejects(stack.artifacts.getArtifact({ id: "nonsense" }), NotFoundError);
    await assert.rejects(stack.artifacts.getTree({ digest: absent }), NotFoundError);
  });

  it("refuses text that cannot be stored and a namespace that is no label", async () => {
    await assert.rejects(stack.artifacts.createArtifact({ name: "a\0b" }), InvalidError);
    await assert.rejects(
      stack.artifacts.createArtifact({ name: "a", namespace: "No" }),
      isInvalid("BAD_NAMESPACE"),
    );
  });
});

function isInvalid(reason: string) {
  return (error: unknown) => error instanceof InvalidError && error.reason === reason;
}
