import { createHmac, timingSafeEqual } from "node:crypto";
import { InvalidError } from "@tidemill/errors";

/** What a token carries: the list it belongs to with its filter, and the keys of its last row. */
export type PagePayload = Readonly<Record<string, string | number | boolean | null>>;

/** Makes and opens page and resume tokens. Clients treat them as opaque. */
export interface PageTokens {
  sign(payload: PagePayload): string;
  /** Throws InvalidError BAD_PAGE_TOKEN for whatever this service did not sign. */
  open(token: string): PagePayload;
}

const VERSION = 1;
const MAC_BYTES = 32;
const HEAD_BYTES = 1 + MAC_BYTES;
const TOKEN_LENGTH_MAX = 4_096;
const KEY_BYTES_MIN = 16;

/**
 * Tokens signed with HMAC-SHA256, so that no field of one can be chosen by a client:
 * base64url(version, mac, JSON). The payload is readable; it is not a place for secrets.
 */
export function pageTokens(key: Uint8Array): PageTokens {
  if (key.byteLength < KEY_BYTES_MIN) {
    throw new InvalidError(
      "BAD_SETTING",
      `the key of page tokens has ${key.byteLength} bytes: it needs at least ${KEY_BYTES_MIN}`,
    );
  }
  const macOf = (body: Uint8Array) =>
    createHmac("sha256", key).update(Uint8Array.of(VERSION)).update(body).digest();

  return {
    sign(payload) {
      const body = Buffer.from(JSON.stringify(payload), "utf8");
      return Buffer.concat([Uint8Array.of(VERSION), macOf(body), body]).toString("base64url");
    },
    open(token) {
      if (token.length > TOKEN_LENGTH_MAX) throw badToken("it is too long");
      const bytes = Buffer.from(token, "base64url");
      if (bytes.length <= HEAD_BYTES) throw badToken("it is too short");
      if (bytes[0] !== VERSION) throw badToken(`its version is ${bytes[0]}`);
      const body = bytes.subarray(HEAD_BYTES);
      if (!timingSafeEqual(bytes.subarray(1, HEAD_BYTES), macOf(body))) {
        throw badToken("its signature does not match");
      }
      return JSON.parse(body.toString("utf8")) as PagePayload;
    },
  };
}

function badToken(why: string): InvalidError {
  const rule = "pass next_page_token of the previous page unchanged, or nothing to start over";
  return new InvalidError("BAD_PAGE_TOKEN", `page token cannot be used, ${why}: ${rule}`, [
    { field: "page_token", description: rule },
  ]);
}
