import type { HandlerContext } from "@connectrpc/connect";
import { callerKey } from "./context-keys.ts";
import { headerOf } from "./header-of.ts";
import type { HostPolicy } from "./host-policy.ts";

/** What an `authenticate` hook decides by. */
export interface Credentials {
  /** A request header by its lower-case name. */
  header(name: string): string | undefined;
  /** `/package.Service/Method`, or the path of a plain HTTP request. */
  readonly path: string;
}

/** Returns the name of the caller. Throws UnauthenticatedError or ForbiddenError. */
export type Authenticate = (credentials: Credentials) => string | Promise<string>;

export interface AdmissionRules {
  readonly hosts: HostPolicy;
  readonly authenticate?: Authenticate | undefined;
  /** Services that answer without an identity: health. */
  readonly openServices: ReadonlySet<string>;
}

/**
 * Lets a call in or throws. Returns a promise only where there is something to wait for, since most
 * calls have nothing.
 */
export function admit(context: HandlerContext, rules: AdmissionRules): Promise<void> | undefined {
  rules.hosts.require(headerOf(context, "host"), headerOf(context, "origin"));
  if (rules.authenticate === undefined) return undefined;
  if (rules.openServices.has(context.service.typeName)) return undefined;
  const caller = rules.authenticate({
    header: (name) => headerOf(context, name),
    path: `/${context.service.typeName}/${context.method.name}`,
  });
  if (typeof caller === "string") {
    context.values.set(callerKey, caller);
    return undefined;
  }
  return caller.then((name) => {
    context.values.set(callerKey, name);
  });
}
