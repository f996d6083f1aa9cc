/**
 * Items of several streams as they come, one of each waiting at most, so that a slow reader holds
 * up its sources and not the memory. Ends with the last of them; an error of one ends all.
 */
export async function* mergeStreams<Item>(
  streams: readonly AsyncIterable<Item>[],
): AsyncGenerator<Item> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]());
  const next = new Map(iterators.map((iterator) => [iterator, pull(iterator)]));
  try {
    while (next.size > 0) {
      const { iterator, result } = await Promise.race(next.values());
      if (result.done === true) {
        next.delete(iterator);
        continue;
      }
      next.set(iterator, pull(iterator));
      yield result.value;
    }
  } finally {
    for (const [iterator, pending] of next) {
      // Nobody waits for it any more, so its failure is nobody's.
      pending.catch(() => undefined);
      void iterator.return?.()?.catch(() => undefined);
    }
  }
}

async function pull<Item>(iterator: AsyncIterator<Item>) {
  return { iterator, result: await iterator.next() };
}
