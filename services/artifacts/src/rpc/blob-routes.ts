import { requireNamespace } from "@tidemill/config";
import { InvalidError, QuotaError } from "@tidemill/errors";
import type { EdgeRequest, EdgeResponse, HttpRouteContext, HttpRouteHandler } from "@tidemill/rpc";
import { DOWNLOADS_MAX, UPLOADS_MAX } from "../blobs/blob-store.ts";
import { requireDigest } from "../domain/digest.ts";
import type { BlobRequest, BlobRoutesContext } from "./blob-request.ts";
import { httpErrorOf, methodNotAllowed, sendHttpError } from "./http-errors.ts";
import { receiveBlob } from "./receive-blob.ts";
import { sendBlob } from "./send-blob.ts";

const COLLECTION = "/v1/blobs";
const SERVER_ERROR_STATUS = 500;

/** `POST /v1/blobs`, and `PUT`, `GET` and `HEAD /v1/blobs/{digest}`. */
export function createBlobRoutes(ctx: BlobRoutesContext): HttpRouteHandler {
  const uploads = createGate("uploads", UPLOADS_MAX);
  const downloads = createGate("downloads", DOWNLOADS_MAX);

  async function serve(route: Route, blob: BlobRequest): Promise<void> {
    if (route === "upload") await uploads(() => receiveBlob(ctx, blob));
    else await downloads(() => sendBlob(ctx, blob));
  }

  async function answer(
    request: EdgeRequest,
    response: EdgeResponse,
    { caller, requestId }: HttpRouteContext,
  ): Promise<void> {
    const { path, query } = splitUrl(request.url ?? "");
    const allowed = path === COLLECTION ? ["POST"] : ["PUT", "GET", "HEAD"];
    const method = request.method ?? "";
    try {
      if (!allowed.includes(method)) throw methodNotAllowed(method, allowed);
      const namespace = namespaceOf(request, query);
      const digest = path === COLLECTION ? undefined : path.slice(COLLECTION.length + 1);
      if (digest !== undefined) requireDigest(digest);
      const route = method === "POST" || method === "PUT" ? "upload" : "download";
      await serve(route, { request, response, namespace, caller, digest });
    } catch (error) {
      await refuse(request, response, { error, requestId, allowed });
    }
  }

  async function refuse(
    request: EdgeRequest,
    response: EdgeResponse,
    failure: { error: unknown; requestId: string; allowed: readonly string[] },
  ): Promise<void> {
    const { error, requestId } = failure;
    // Nobody is there to be told, and nothing was kept.
    if (isGone(request, response)) return;
    const answer = httpErrorOf(error, requestId);
    if (answer.status >= SERVER_ERROR_STATUS) {
      const level = answer.body.code === "unavailable" ? "warn" : "error";
      ctx.log[level]("a request for a blob failed", { url: request.url, error });
    }
    if (answer.body.reason === "METHOD_NOT_ALLOWED") {
      const allow = failure.allowed.join(", ");
      await sendHttpError(request, response, { ...answer, status: 405 }, { allow });
    } else {
      await sendHttpError(request, response, answer, rangeHeader(answer.body.metadata));
    }
  }

  return (request, response, context) => {
    const { path } = splitUrl(request.url ?? "");
    if (path !== COLLECTION && !/^\/v1\/blobs\/[^/]*$/.test(path)) return false;
    return answer(request, response, context).then(() => true);
  };
}

type Route = "upload" | "download";

function isGone(request: EdgeRequest, response: EdgeResponse): boolean {
  return request.destroyed && !request.readableEnded ? true : response.destroyed;
}

/** A range past the end is answered with how much there is (RFC 9110, 15.5.17). */
function rangeHeader(
  metadata: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const size = metadata?.sizeBytes;
  return size === undefined ? {} : { "content-range": `bytes */${size}` };
}

function createGate(what: string, countMax: number) {
  let count = 0;
  return async (work: () => Promise<void>): Promise<void> => {
    if (count >= countMax) {
      throw new QuotaError(
        `TOO_MANY_${what.toUpperCase()}`,
        `${countMax} ${what} are under way: try again when one of them has ended`,
        { metadata: { limit: String(countMax) } },
      );
    }
    count += 1;
    try {
      await work();
    } finally {
      count -= 1;
    }
  };
}

function splitUrl(url: string): { path: string; query: URLSearchParams } {
  const at = url.indexOf("?");
  const path = at < 0 ? url : url.slice(0, at);
  return { path, query: new URLSearchParams(at < 0 ? "" : url.slice(at + 1)) };
}

/** From the header or from the URL, where a header cannot be set. */
function namespaceOf(request: EdgeRequest, query: URLSearchParams): string {
  const header = request.headers["x-tidemill-namespace"];
  const parameter = query.get("namespace") ?? undefined;
  if (typeof header === "string" && parameter !== undefined && header !== parameter) {
    throw new InvalidError(
      "BAD_NAMESPACE",
      `x-tidemill-namespace is ${JSON.stringify(header)} but the URL says ` +
        `${JSON.stringify(parameter)}: send one of them`,
    );
  }
  const value = parameter ?? (typeof header === "string" ? header : "");
  return requireNamespace(value, "x-tidemill-namespace");
}
