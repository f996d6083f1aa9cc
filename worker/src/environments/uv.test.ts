import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { freePort } from "@tidemill/testing";
import { deadProxies } from "./dead-proxies.ts";
import { createUv } from "./uv.ts";

type Variables = Readonly<Record<string, string>>;

/** A uv that answers by what it sees of the environment, and remembers that. */
function fakeUv(env: Variables, answer: (env: Variables) => string | undefined) {
  const seen: Variables[] = [];
  const remarks: string[] = [];
  const uv = createUv({
    program: "uv",
    cacheDirectory: "cache",
    env,
    settings: {},
    run: async (_argv, visible) => {
      seen.push(visible);
      const failure = answer(visible);
      return { code: failure === undefined ? 0 : 2, output: failure ?? "" };
    },
    onRemark: (text) => void remarks.push(text),
  });
  return { uv, seen, remarks };
}

describe("uv behind a proxy", () => {
  it("is tried once more without a proxy that leads nowhere, and then stays without", async () => {
    const dead = `http://127.0.0.1:${await freePort()}`;
    const failure = (env: Variables) => (env.HTTP_PROXY === dead ? "no answer" : undefined);
    const { uv, seen, remarks } = fakeUv({ PATH: "/bin", HTTP_PROXY: dead }, failure);
    await uv(["pip", "install", "six"]);
    await uv(["pip", "install", "seven"]);
    const proxies = seen.map((env) => env.HTTP_PROXY);
    assert.deepEqual(proxies, [dead, undefined, undefined]);
    assert.equal(seen.at(-1)?.PATH, "/bin");
    assert.match(remarks.join("\n"), /no answer.*proxy of HTTP_PROXY: trying without it/s);
  });

  it("fails with what it said as configured when that does not help", async () => {
    const dead = `127.0.0.1:${await freePort()}`;
    const { uv, seen } = fakeUv({ all_proxy: dead }, (env) =>
      env.all_proxy === undefined ? "second" : "first",
    );
    await assert.rejects(uv(["pip", "install", "six"]), /INSTALL_FAILED|could not .*: first/);
    assert.equal(seen.length, 2);
  });

  it("is not led around a proxy that answers", async () => {
    const server = createServer((socket) => socket.destroy()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    assert(address !== null && typeof address === "object");
    const alive = `http://127.0.0.1:${address.port}`;
    const { uv, seen } = fakeUv({ https_proxy: alive }, () => "no such package");
    await assert.rejects(uv(["pip", "install", "sicks"]), /no such package/);
    assert.equal(seen.length, 1);
    assert.deepEqual(await deadProxies({ https_proxy: alive, HTTP_PROXY: "http://" }), [
      "HTTP_PROXY",
    ]);
    server.close();
  });
});
