import { NotFoundError } from "@tidemill/errors";

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Nothing is kept under an id that is no UUID: throws NotFoundError, as for an unknown one. */
export function requireUuid(kind: string, id: string): void {
  if (!uuid.test(id)) throw new NotFoundError(kind, id);
}
