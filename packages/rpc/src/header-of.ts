import type { HandlerContext } from "@connectrpc/connect";

/** A context that can look up one header without building all of them. */
interface HeaderReader {
  header(name: string): string | undefined;
}

/** A request header, the cheapest way the context offers. */
export function headerOf(context: HandlerContext, name: string): string | undefined {
  if (isHeaderReader(context)) return context.header(name);
  return context.requestHeader.get(name) ?? undefined;
}

function isHeaderReader(context: HandlerContext): context is HandlerContext & HeaderReader {
  return "header" in context;
}
