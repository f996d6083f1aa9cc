import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { listeners } from "./port-holder.ts";

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when uid inode
   0: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:0 0 0 0 111 1 0
   1: 0100007F:1F91 0100007F:9C40 01 00000000:00000000 00:0 0 0 0 222 1 0
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:0 0 0 0 333 1 0
`;

describe("listeners", () => {
  it("finds the socket that listens, not those connected to it", () => {
    assert.deepEqual(listeners(table, 8081), ["111"]);
    assert.deepEqual(listeners(table, 80), ["333"]);
    assert.deepEqual(listeners(table, 8082), []);
  });
});
