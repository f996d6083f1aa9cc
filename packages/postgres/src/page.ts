import type { PagePayload, PageTokens } from "./page-tokens.ts";

export interface Page<Item> {
  readonly items: readonly Item[];
  /** `""` on the last page. */
  readonly nextPageToken: string;
}

/**
 * Makes a page of rows that were read with `limit pageSize + 1`: the extra row only tells that
 * there is more. `positionOf` gives the keys that the next query starts behind.
 */
export function pageOf<Item>(
  rows: readonly Item[],
  pageSize: number,
  tokens: PageTokens,
  positionOf: (last: Item) => PagePayload,
): Page<Item> {
  const items = rows.slice(0, pageSize);
  const last = items.at(-1);
  const more = rows.length > pageSize && last !== undefined;
  return { items, nextPageToken: more ? tokens.sign(positionOf(last)) : "" };
}
