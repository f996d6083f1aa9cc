import { type Database, type IdempotencyKey, once } from "@tidemill/postgres";
import { AnsweredBefore } from "../store/transition-writer.ts";
import { jsonCodec } from "./json-codec.ts";

/**
 * Answers of operations whose key is kept by the engine, in the commit of what they led to. A
 * repeat that comes while the first is under way waits for it here, so that it neither starts a
 * second run nor meets the first one's uncommitted key.
 */
export interface AnswerOnce {
  /** Runs `work` unless the request was answered; `work` may throw AnsweredBefore as well. */
  run<Answer>(key: IdempotencyKey | undefined, work: () => Promise<Answer>): Promise<Answer>;
  /** Keeps an answer that no commit of the engine kept. */
  keep<Answer>(key: IdempotencyKey | undefined, answer: Answer): Promise<Answer>;
}

class NotAnswered extends Error {}

export function createAnswerOnce({ database }: { readonly database: Database }): AnswerOnce {
  const underWay = new Map<string, Promise<unknown>>();

  /** The kept answer; a key that is not there yet is not left behind either. */
  async function find<Answer>(key: IdempotencyKey): Promise<{ answer: Answer } | undefined> {
    try {
      const answer = await database.transaction((tx) =>
        once(tx, key, jsonCodec<Answer>(), () => Promise.reject(new NotAnswered())),
      );
      return { answer };
    } catch (error) {
      if (error instanceof NotAnswered) return undefined;
      throw error;
    }
  }

  async function workUnlessAnswered<Answer>(
    key: IdempotencyKey,
    work: () => Promise<Answer>,
  ): Promise<Answer> {
    const found = await find<Answer>(key);
    if (found !== undefined) return found.answer;
    try {
      return await work();
    } catch (error) {
      if (error instanceof AnsweredBefore) return jsonCodec<Answer>().decode(error.answer);
      throw error;
    }
  }

  return {
    async run(key, work) {
      if (key === undefined) return work();
      const id = JSON.stringify([key.namespace, key.method, key.caller, key.requestId]);
      for (let first = underWay.get(id); first !== undefined; first = underWay.get(id)) {
        // However it ended: its answer, if there is one, is kept by now.
        await first.catch(() => undefined);
      }
      const mine = workUnlessAnswered(key, work).finally(() => underWay.delete(id));
      underWay.set(id, mine);
      return mine;
    },
    async keep(key, answer) {
      if (key === undefined) return answer;
      return database.transaction((tx) =>
        once(tx, key, jsonCodec<typeof answer>(), () => Promise.resolve(answer)),
      );
    },
  };
}
