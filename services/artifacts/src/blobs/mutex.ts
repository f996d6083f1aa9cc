/** Runs one piece of work at a time, in the order of the calls. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();

  run<Value>(work: () => Promise<Value>): Promise<Value> {
    const result = this.#last.then(work);
    // The next one starts whether this one failed or not; its caller is told.
    this.#last = result.catch(() => undefined);
    return result;
  }
}
