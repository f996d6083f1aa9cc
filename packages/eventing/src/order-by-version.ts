/** What the sequencer needs to know of an event to give it its place. */
export interface PendingEvent {
  readonly id: string;
  readonly entity: string;
  readonly entity_id: string;
  readonly entity_version: number;
}

/**
 * Puts events in the order of their ids, which is that of time, and those of one entity in the
 * order of their versions: clocks of two processes may disagree about which id is older, versions
 * never do. Each entity keeps the places that its events had.
 */
export function orderByVersion<Pending extends PendingEvent>(
  events: readonly Pending[],
): Pending[] {
  const byId = [...events].sort((a, b) => (a.id < b.id ? -1 : 1));
  const queues = new Map<string, Pending[]>();
  for (const event of byId) {
    const queue = queues.get(entityKey(event));
    if (queue === undefined) queues.set(entityKey(event), [event]);
    else queue.push(event);
  }
  for (const queue of queues.values()) queue.sort((a, b) => b.entity_version - a.entity_version);
  return byId.map((event) => queues.get(entityKey(event))?.pop() ?? event);
}

function entityKey(event: PendingEvent): string {
  return `${event.entity}/${event.entity_id}`;
}
