import type { ContextKey, ContextValues } from "@connectrpc/connect";

/**
 * Context values of one call. A list of a few pairs, searched from the start: calls carry two or
 * three, and this is made for every one of them.
 */
export class CallValues implements ContextValues {
  readonly #keys: symbol[] = [];
  readonly #values: unknown[] = [];

  get<T>(key: ContextKey<T>): T {
    const at = this.#keys.indexOf(key.id);
    return at < 0 ? key.defaultValue : (this.#values[at] as T);
  }

  set<T>(key: ContextKey<T>, value: T): this {
    const at = this.#keys.indexOf(key.id);
    this.#values[at < 0 ? this.#keys.push(key.id) - 1 : at] = value;
    return this;
  }

  delete(key: ContextKey<unknown>): this {
    const at = this.#keys.indexOf(key.id);
    if (at >= 0) {
      this.#keys.splice(at, 1);
      this.#values.splice(at, 1);
    }
    return this;
  }
}
