import assert from "node:assert/strict";
import { createServer } from "node:net";
import { describe, it } from "node:test";
import { PORT_OFFSET_MAX, portsAt } from "@tidemill/config";
import { requireFreePorts } from "./require-free-ports.ts";

describe("requireFreePorts", () => {
  it("names a port that is taken where there is no higher offset to offer", async () => {
    const port = portsAt(PORT_OFFSET_MAX).orchestratorHttp;
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", () => resolve()));
    await assert.rejects(requireFreePorts(PORT_OFFSET_MAX), {
      reason: "PORT_TAKEN",
      message: new RegExp(`^port ${port} .*start the mesh on other ports with --port-offset$`),
    });
    await new Promise((resolve) => server.close(resolve));
  });
});
