/**
 * Resolves with the first SIGTERM, SIGINT or SIGHUP. A second SIGTERM or SIGINT ends the process at
 * once with 130, so that a person at a terminal is never held by a stop that hangs. A terminal that
 * goes away sends SIGHUP to all of its processes, some of which pass it on: that may come twice.
 */
export function stopSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    let seen = false;
    const onSignal = (signal: NodeJS.Signals) => {
      if (seen && signal !== "SIGHUP") process.exit(130);
      seen = true;
      resolve(signal);
    };
    process.on("SIGTERM", onSignal);
    process.on("SIGINT", onSignal);
    process.on("SIGHUP", onSignal);
  });
}
