import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:http2";
import { text } from "node:stream/consumers";
import { it } from "node:test";
import type { SampleCall, ServerPorts } from "./contract-client.ts";
import { grpcJsClient } from "./grpc-js-client.ts";

const FOREIGN = "tidemill.example.org";

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
}

/** Requests that carry another site's name are refused on every way in, and the refusal helps. */
export function describeForeignHosts(
  server: () => ServerPorts & { readonly samples: { readonly succeeds: SampleCall } },
): void {
  it("a foreign host or origin is refused over HTTP/1.1", async () => {
    const { httpPort } = server();
    assertRefused(await http1(httpPort, "/healthz", { host: FOREIGN }));
    assertRefused(await http1(httpPort, "/metrics", { host: `${FOREIGN}:80` }));
    assertRefused(await http1(httpPort, "/healthz", { origin: `https://${FOREIGN}` }));
    assertRefused(await http1(httpPort, "/healthz", { origin: "null" }));
  });
  it("a foreign authority is refused over HTTP/2", async () => {
    assertRefused(await http2(server().httpPort, { ":path": "/healthz", ":authority": FOREIGN }));
  });
  it("a foreign authority is refused to gRPC on both ports", async () => {
    const { samples, grpcPort, httpPort } = server();
    for (const port of [grpcPort, httpPort]) {
      const client = grpcJsClient("foreign", port, FOREIGN);
      const { error } = await client.call(samples.succeeds);
      client.close();
      assert.equal(error?.code, "permission_denied");
      assert.match(error.message, /TIDEMILL_ALLOWED_HOSTS/);
    }
  });
  it("loopback names pass on any port", async () => {
    for (const host of ["localhost", "localhost:1234", "127.0.0.1:9", "127.1.2.3", "[::1]:80"]) {
      const { status } = await http1(server().httpPort, "/healthz", { host });
      assert.equal(status, 200, host);
    }
  });
}

function assertRefused({ status, body }: Answer): void {
  assert.equal(status, 403);
  assert.match(body, /TIDEMILL_ALLOWED_HOSTS/);
}

async function http1(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const request = httpRequest({ host: "127.0.0.1", port, path, headers, agent: false });
  request.end();
  const [response] = await once(request, "response");
  return { status: response.statusCode, body: await text(response) };
}

async function http2(port: number, headers: Readonly<Record<string, string>>): Promise<Answer> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    const stream = session.request({ ...headers });
    const [answer] = await once(stream, "response");
    return { status: answer[":status"], body: await text(stream) };
  } finally {
    session.close();
  }
}
