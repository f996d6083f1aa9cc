import type { Plan } from "../domain/plan.ts";
import { compilePlan } from "../domain/plan.ts";
import { loadAcceptedSpec } from "../specs/load-spec.ts";

/** Plans kept in memory besides those that runs hold. */
export const PLANS_CACHED_MAX = 64;

/** Bytes of the specifications of those. */
export const PLANS_CACHED_BYTES_MAX = 64 * 1024 * 1024;

export interface PlanCache {
  /** The plan of a specification that is kept, read from there unless it is in memory. */
  planOf(specDigest: string): Promise<Plan>;
  put(specDigest: string, plan: Plan, sizeBytes: number): void;
}

/** Plans by the digest of their specification, the least recently used forgotten first. */
export function createPlanCache(readSpec: (specDigest: string) => Promise<Uint8Array>): PlanCache {
  const plans = new Map<string, { readonly plan: Plan; readonly sizeBytes: number }>();
  const loading = new Map<string, Promise<Plan>>();
  let bytes = 0;

  function put(specDigest: string, plan: Plan, sizeBytes: number): void {
    forget(specDigest);
    plans.set(specDigest, { plan, sizeBytes });
    bytes += sizeBytes;
    for (const oldest of plans.keys()) {
      const fits = plans.size <= PLANS_CACHED_MAX && bytes <= PLANS_CACHED_BYTES_MAX;
      if (fits || plans.size === 1) return;
      forget(oldest);
    }
  }

  function forget(specDigest: string): void {
    bytes -= plans.get(specDigest)?.sizeBytes ?? 0;
    plans.delete(specDigest);
  }

  async function load(specDigest: string): Promise<Plan> {
    const content = await readSpec(specDigest);
    // It was judged when it was accepted; a check that came later must not strand its runs.
    const { spec } = await loadAcceptedSpec(content);
    const plan = compilePlan(spec);
    put(specDigest, plan, content.byteLength);
    return plan;
  }

  return {
    put,
    planOf(specDigest) {
      const known = plans.get(specDigest);
      if (known !== undefined) {
        plans.delete(specDigest);
        plans.set(specDigest, known);
        return Promise.resolve(known.plan);
      }
      const underWay = loading.get(specDigest);
      if (underWay !== undefined) return underWay;
      const started = load(specDigest).finally(() => loading.delete(specDigest));
      loading.set(specDigest, started);
      return started;
    },
  };
}
