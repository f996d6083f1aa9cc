/**
 * Orders nodes after those that they depend on, or finds a cycle: the nodes on it in order, the
 * first one repeated at the end. Needs no recursion, so a chain of any length is fine.
 */
export function orderByDependencies(
  dependencies: readonly (readonly number[])[],
): { readonly order: readonly number[] } | { readonly cycle: readonly number[] } {
  const order: number[] = [];
  const state = new Uint8Array(dependencies.length);
  for (let start = 0; start < dependencies.length; start++) {
    if (state[start] !== NEW) continue;
    const path = [start];
    const next = [0];
    state[start] = OPEN;
    while (path.length > 0) {
      const node = path[path.length - 1] ?? 0;
      const position = next[next.length - 1] ?? 0;
      const dependency = dependencies[node]?.[position];
      if (dependency === undefined) {
        state[node] = DONE;
        order.push(node);
        path.pop();
        next.pop();
        continue;
      }
      next[next.length - 1] = position + 1;
      if (state[dependency] === OPEN) {
        return { cycle: [...path.slice(path.indexOf(dependency)), dependency] };
      }
      if (state[dependency] === NEW) {
        state[dependency] = OPEN;
        path.push(dependency);
        next.push(0);
      }
    }
  }
  return { order };
}

const NEW = 0;
const OPEN = 1;
const DONE = 2;
