/** How many free buffers are kept for the next use; the others go back to the system. */
const FREE_KEPT_MAX = 4;

/** A fixed number of equal buffers of shared memory; who finds none waits for one. */
export class BufferPool {
  readonly sizeBytes: number;
  readonly #buffersMax: number;
  readonly #free: SharedArrayBuffer[] = [];
  readonly #waiting: ((buffer: SharedArrayBuffer) => void)[] = [];
  #out = 0;

  constructor(sizeBytes: number, buffersMax: number) {
    this.sizeBytes = sizeBytes;
    this.#buffersMax = buffersMax;
  }

  /** Whether `acquire` would not wait. */
  get hasSpare(): boolean {
    return this.#out < this.#buffersMax;
  }

  async acquire(): Promise<SharedArrayBuffer> {
    if (this.#out >= this.#buffersMax) {
      return await new Promise((resolve) => this.#waiting.push(resolve));
    }
    this.#out += 1;
    return this.#free.pop() ?? new SharedArrayBuffer(this.sizeBytes);
  }

  release(buffer: SharedArrayBuffer): void {
    const next = this.#waiting.shift();
    if (next !== undefined) {
      next(buffer);
      return;
    }
    this.#out -= 1;
    if (this.#free.length < FREE_KEPT_MAX) this.#free.push(buffer);
  }
}
