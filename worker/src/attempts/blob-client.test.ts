import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tempDir } from "@tidemill/testing";
import { BlobClient } from "./blob-client.ts";

const blob = { namespace: "default", digest: "0".repeat(64) };

async function withServer(
  listener: RequestListener,
  use: (client: BlobClient) => Promise<void>,
): Promise<void> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  const { port } = server.address() as AddressInfo;
  const client = new BlobClient(`http://127.0.0.1:${port}`);
  try {
    await use(client);
  } finally {
    client.close();
    server.close();
  }
}

/** As when the artifact service is killed in the middle of a download. */
const breaksOff: RequestListener = (_request, response) => {
  response.setHeader("content-length", 10);
  response.write("half");
  setImmediate(() => response.destroy());
};

describe("a download that breaks off", () => {
  it("of a file may be tried again", () =>
    withServer(breaksOff, (client) =>
      assert.rejects(client.getFile(blob, join(tempDir("blob"), "file")), {
        name: "UnavailableError",
      }),
    ));

  it("of bytes may be tried again", () =>
    withServer(breaksOff, (client) =>
      assert.rejects(client.getBytes(blob.namespace, blob.digest, 100), {
        name: "UnavailableError",
      }),
    ));

  it("is told from a disk that does not take it", () =>
    withServer(
      (_request, response) => response.end("whole"),
      (client) =>
        assert.rejects(client.getFile(blob, join(tempDir("blob"), "missing", "file")), {
          code: "ENOENT",
        }),
    ));
});

describe("an upload", () => {
  it("that finds the store's disk full says so", () =>
    withServer(
      (request, response) => {
        request.resume();
        response.statusCode = 507;
        response.end('{"code":"resource_exhausted","reason":"DISK_FULL"}');
      },
      (client) =>
        assert.rejects(client.putBytes("default", Buffer.from("x")), { reason: "DISK_FULL" }),
    ));
});
