import { createHash } from "node:crypto";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { InvalidError, NotFoundError, UnavailableError } from "@tidemill/errors";

/** Where a blob is kept: a namespace reads only what was put into it. */
export interface BlobPlace {
  readonly artifactsHttp: string;
  /** `""` means the mesh's default. */
  readonly namespace: string;
}

const NAMESPACE_HEADER = "x-tidemill-namespace";
const ANSWER_BYTES_MAX = 64 * 1024;

/**
 * Sends bytes to the artifact service and returns their digest. Plain node:http, which knows
 * nothing of proxies: a mesh is never behind one.
 */
export async function putBlob(
  { artifactsHttp, namespace }: BlobPlace,
  bytes: Uint8Array,
): Promise<string> {
  const digest = createHash("sha256").update(bytes).digest("hex");
  const headers = { [NAMESPACE_HEADER]: namespace, "content-length": bytes.byteLength };
  const response = await answerOf(
    request(`${artifactsHttp}/v1/blobs/${digest}`, { method: "PUT", headers }),
    (call) => call.end(bytes),
  );
  await requireSuccess(response, "blob", digest);
  response.resume();
  return digest;
}

/** The bytes of a blob as they come; the service checks them against the digest. */
export async function getBlob(
  { artifactsHttp, namespace }: BlobPlace,
  digest: string,
): Promise<IncomingMessage> {
  const headers = { [NAMESPACE_HEADER]: namespace };
  const response = await answerOf(
    request(`${artifactsHttp}/v1/blobs/${digest}`, { headers }),
    (call) => call.end(),
  );
  await requireSuccess(response, "blob", digest);
  return response;
}

function answerOf(
  call: ClientRequest,
  send: (call: ClientRequest) => void,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    call.on("response", resolve);
    call.on("error", (cause) => {
      reject(new UnavailableError("artifacts", `${call.host} does not answer`, { cause }));
    });
    send(call);
  });
}

async function requireSuccess(response: IncomingMessage, kind: string, id: string): Promise<void> {
  const status = response.statusCode ?? 0;
  if (status >= 200 && status < 300) return;
  if (status === 404) {
    response.resume();
    throw new NotFoundError(kind, id);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) break;
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString("utf8").trim();
  throw new InvalidError("ARTIFACTS_REFUSED", `artifacts answered ${status}: ${text}`);
}
