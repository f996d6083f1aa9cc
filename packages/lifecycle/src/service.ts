/**
 * What everything with a lifetime implements. `start` resolves once the thing is ready to be used;
 * `stop` may be called twice, or before `start`, and resolves when nothing is left running.
 */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/** A service of something that is only to be done at the start. */
export function onStart(start: () => Promise<void>): Service {
  return { start, stop: async () => {} };
}

/** A service of something that is only to be done at the stop. */
export function onStop(stop: () => void | Promise<void>): Service {
  return { start: async () => {}, stop: async () => stop() };
}

export interface NamedService {
  readonly name: string;
  readonly service: Service;
}

/**
 * Starts services in the order given and stops them in the opposite one. When one fails to start,
 * those before it are stopped and the failure is thrown.
 */
export function serviceGroup(services: readonly NamedService[]): Service {
  const started: NamedService[] = [];
  let stopping: Promise<void> | undefined;

  async function stopStarted(): Promise<void> {
    const failures: Error[] = [];
    for (let entry = started.pop(); entry !== undefined; entry = started.pop()) {
      try {
        await entry.service.stop();
      } catch (cause) {
        failures.push(new Error(`could not stop ${entry.name}`, { cause }));
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, "some services did not stop");
  }

  /** Whoever calls while a stop is under way waits for that one. */
  function stop(): Promise<void> {
    stopping ??= stopStarted().finally(() => {
      stopping = undefined;
    });
    return stopping;
  }

  async function start(): Promise<void> {
    for (const entry of services) {
      try {
        await entry.service.start();
        started.push(entry);
      } catch (error) {
        await stop();
        throw error;
      }
    }
  }

  return { start, stop };
}
