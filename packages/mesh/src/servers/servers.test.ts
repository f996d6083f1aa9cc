import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { natsConf } from "./nats-server.ts";
import { lastLines } from "./postgres-server.ts";
import { postgresConf } from "./postgres-settings.ts";
import { postgresUser } from "./postgres-user.ts";

describe("postgresUser", () => {
  const nobody = "nobody:x:65534:65533:nobody:/:/usr/sbin/nologin";
  const postgres = "postgres:x:113:120:PostgreSQL:/var/lib/postgresql:/bin/bash";
  const cases = [
    { name: "is ourselves unless we are root", uid: 1000, passwd: postgres, expected: undefined },
    {
      name: "is postgres for root where there is one",
      uid: 0,
      passwd: `root:x:0:0::/root:/bin/sh\n${nobody}\n${postgres}\n`,
      expected: { name: "postgres", uid: 113, gid: 120 },
    },
    {
      name: "is nobody otherwise",
      uid: 0,
      passwd: nobody,
      expected: { name: "nobody", uid: 65_534, gid: 65_533 },
    },
    {
      name: "is the number of nobody where no user has a name",
      uid: 0,
      passwd: "",
      expected: { name: "nobody", uid: 65_534, gid: 65_534 },
    },
  ];
  for (const c of cases) {
    it(c.name, () => assert.deepEqual(postgresUser(c.uid, c.passwd), c.expected));
  }
});

it("what Postgres said of a failure holds no statement, which may hold a password", () => {
  const said =
    "x ERROR:  disk full\nx STATEMENT:  alter role r password 'secret'\n\ny FATAL:  bye\n";
  assert.equal(lastLines(said), "x ERROR:  disk full | y FATAL:  bye");
});

describe("the settings of the servers", () => {
  it("let Postgres listen on loopback alone, without sockets, and sync", () => {
    const conf = postgresConf({ port: 8090, connectionsMax: 60, fsync: true });
    for (const line of ["listen_addresses = '127.0.0.1'", "unix_socket_directories = ''"]) {
      assert.ok(conf.includes(`${line}\n`), conf);
    }
    assert.match(conf, /^fsync = 'on'$/m);
  });

  it("quote a directory with a space and quotes for NATS", () => {
    const directory = '/a "b" c';
    const conf = natsConf({ binary: "", directory, port: 8091, token: "t", env: {} });
    assert.match(conf, /store_dir: "\/a \\"b\\" c\/jetstream"/);
    assert.match(conf, /listen: "127\.0\.0\.1:8091"/);
  });
});
