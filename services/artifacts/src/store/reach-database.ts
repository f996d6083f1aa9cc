import { UnavailableError } from "@tidemill/errors";
import { backoff, wait } from "@tidemill/lifecycle";
import type { Database } from "@tidemill/postgres";
import type { Logger } from "@tidemill/telemetry";

const DATABASE_WAIT_MS = 60_000;

/** A database that is still starting is waited for; one that stays away ends the process. */
export async function reachDatabase(db: Database, log: Logger): Promise<void> {
  const deadline = performance.now() + DATABASE_WAIT_MS;
  const delays = backoff({ initialMs: 100, maxMs: 2_000 });
  for (;;) {
    try {
      return await db.start();
    } catch (error) {
      if (!(error instanceof UnavailableError) || performance.now() > deadline) throw error;
      log.warn("the database does not answer yet: trying again", { error });
      await wait(delays.nextMs());
    }
  }
}
