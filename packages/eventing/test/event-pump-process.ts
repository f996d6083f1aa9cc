import { createRelay, createSequencer } from "@tidemill/eventing";
import { createDatabase } from "@tidemill/postgres";
import { silentLogger } from "@tidemill/telemetry";

// A service's half of eventing in a process of its own, for tests that kill it.
const [databaseUrl = "", natsUrl = "", token = ""] = process.argv.slice(2);
const database = createDatabase({ url: databaseUrl, poolMax: 2, log: silentLogger });
const relay = createRelay({
  database,
  nats: { url: natsUrl, token },
  service: "orchestrator",
  log: silentLogger,
});
const sequencer = createSequencer({
  database,
  log: silentLogger,
  onPositions: relay.wake,
  pollMs: 10,
});
await relay.start();
await sequencer.start();
