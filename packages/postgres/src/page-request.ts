import { InvalidError } from "@tidemill/errors";
import type { PagePayload, PageTokens } from "./page-tokens.ts";

export interface PageSizes {
  readonly usual: number;
  readonly max: number;
}

/** 0 means the usual size. */
export function pageSizeOf(requested: number, sizes: PageSizes): number {
  return requested === 0 ? sizes.usual : Math.min(requested, sizes.max);
}

/**
 * Where a list goes on; undefined at its beginning. Throws InvalidError BAD_PAGE_TOKEN for a token
 * that belongs to another list, or to this one with another filter.
 */
export function positionOf(
  tokens: PageTokens,
  token: string,
  list: PagePayload,
): PagePayload | undefined {
  if (token === "") return undefined;
  const position = tokens.open(token);
  for (const [name, value] of Object.entries(list)) {
    if (position[name] === value) continue;
    const rule = "keep the other fields of the request as they were, or start over without a token";
    throw new InvalidError(
      "BAD_PAGE_TOKEN",
      `page token belongs to a list with another ${name}: ${rule}`,
      [{ field: "page_token", description: rule }],
    );
  }
  return position;
}
