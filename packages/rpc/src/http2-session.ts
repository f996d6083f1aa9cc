import type { ServerHttp2Session } from "node:http2";
import type { ConnectionLimits } from "./limits.ts";

/**
 * Watches over one HTTP/2 connection: pings a quiet peer and drops a dead one, ends what is idle,
 * and at the maximum age lets its calls end before it closes.
 */
export function keepSession(
  session: ServerHttp2Session,
  sessions: Set<ServerHttp2Session>,
  limits: ConnectionLimits,
): void {
  sessions.add(session);
  let answered = true;
  const pinger = setInterval(() => {
    if (session.destroyed) return;
    if (!answered) session.destroy();
    else if (!session.closed) {
      answered = false;
      session.ping(() => {
        answered = true;
      });
    }
  }, limits.keepaliveMs);
  let drainTimer: NodeJS.Timeout | undefined;
  const ageTimer = setTimeout(() => {
    session.close();
    drainTimer = setTimeout(() => session.destroy(), limits.drainMs);
  }, limits.ageMsMax);
  session.setTimeout(limits.idleMs, () => session.close());
  session.on("close", () => {
    sessions.delete(session);
    clearInterval(pinger);
    clearTimeout(ageTimer);
    clearTimeout(drainTimer);
  });
}
