import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ArtifactSchema } from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import {
  type GetTreeRequestSchema,
  GetTreeResponseSchema,
} from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import { downloadArtifact, streamArtifact } from "./download-artifact.ts";

const tree = create(ArtifactSchema, { content: { case: "treeDigest", value: "t" } });
const blob = create(ArtifactSchema, { content: { case: "blobDigest", value: "b" } });
const servers: Server[] = [];
const to = (path: string, force = false) => ({ path, force });

/** An artifact service with trees of two pages, a file on each. */
async function sourceOf(listener: RequestListener) {
  const server = createServer(listener);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  const files = [{ path: "one", blobDigest: "1" }];
  const more = [{ path: "deep/two", blobDigest: "2", executable: true }];
  return {
    artifactsHttp: `http://127.0.0.1:${port}`,
    namespace: "team",
    client: {
      getTree: async ({ pageToken }: MessageInitShape<typeof GetTreeRequestSchema>) =>
        pageToken === ""
          ? create(GetTreeResponseSchema, { tree: { files }, nextPageToken: "second" })
          : create(GetTreeResponseSchema, { tree: { files: more } }),
    },
  };
}

describe("the download of an artifact", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemill-download-"));
  after(() => {
    rmSync(directory, { recursive: true });
    for (const server of servers) server.close();
  });

  it("writes the files of every page of a tree, read in the artifact's namespace", async () => {
    const source = await sourceOf((request, response) => {
      response.end(`${request.headers["x-tidemill-namespace"]} ${request.url}`);
    });
    const target = join(directory, "tree");
    await downloadArtifact(source, tree, to(target));
    assert.equal(readFileSync(join(target, "one"), "utf8"), "team /v1/blobs/1");
    assert.equal(readFileSync(join(target, "deep/two"), "utf8"), "team /v1/blobs/2");
    assert.equal(statSync(join(target, "deep/two")).mode & 0o111, 0o111);
  });

  it("makes the directory of a tree that has no files", async () => {
    const source = await sourceOf(() => assert.fail("there is nothing to fetch"));
    const client = { getTree: async () => create(GetTreeResponseSchema, { tree: {} }) };
    await downloadArtifact({ ...source, client }, tree, to(join(directory, "empty")));
    assert.ok(statSync(join(directory, "empty")).isDirectory());
  });

  it("leaves nothing of a file that breaks off, and blames the service", async () => {
    const source = await sourceOf((_request, response) => {
      response.setHeader("content-length", 10);
      response.write("half");
      setImmediate(() => response.destroy());
    });
    const target = join(directory, "file");
    await assert.rejects(downloadArtifact(source, blob, to(target)), { name: "UnavailableError" });
    assert.equal(existsSync(target), false);
  });

  it("writes over a file that is there only when told to", async () => {
    const source = await sourceOf((_request, response) => response.end("new"));
    const target = join(directory, "kept");
    writeFileSync(target, "old");
    await assert.rejects(downloadArtifact(source, blob, to(target)), /kept is there already/);
    assert.equal(readFileSync(target, "utf8"), "old");
    await downloadArtifact(source, blob, to(target, true));
    assert.equal(readFileSync(target, "utf8"), "new");
  });

  it("hands on the bytes of one file, and refuses a directory", async () => {
    const source = await sourceOf((_request, response) => response.end("whole"));
    const chunks: Uint8Array[] = [];
    await streamArtifact(source, blob, async (bytes) => void chunks.push(bytes));
    assert.equal(Buffer.concat(chunks).toString(), "whole");
    await assert.rejects(
      streamArtifact(source, tree, async () => assert.fail("nothing is written")),
      /is a directory: standard output takes one file/,
    );
  });

  it("names a file that cannot be written", async () => {
    const source = await sourceOf((_request, response) => response.end("whole"));
    await assert.rejects(
      downloadArtifact(source, blob, to(directory, true)),
      /cannot write .*EISDIR/,
    );
  });
});
