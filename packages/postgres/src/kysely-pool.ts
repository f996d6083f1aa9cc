import { Kysely, PostgresDialect, type PostgresPool } from "kysely";
import type { Session } from "./session.ts";

/**
 * Kysely over our own sessions, so that what it builds has the same error mapping, timeouts and
 * metrics as named statements. `acquire` checks a session out; `release` is called when kysely has
 * done with it.
 */
export function kyselyOver<Tables>(
  acquire: () => Promise<Session>,
  release: (session: Session) => void,
): Kysely<Tables> {
  const pool = {
    options: {},
    end: () => Promise.resolve(),
    async connect() {
      const session = await acquire();
      return {
        processID: 0,
        query: (sql: string, values: readonly unknown[]) => session.text(sql, values),
        release(destroy?: boolean) {
          if (destroy === true) session.discard();
          release(session);
        },
      };
    },
  } as unknown as PostgresPool;
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
}
