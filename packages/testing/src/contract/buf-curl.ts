import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fromBinary, type JsonValue, toJsonString } from "@bufbuild/protobuf";
import { ErrorInfoSchema } from "@tidemill/proto/tidemill/common/v1/errors_pb.ts";
import type { CallError, CallOutcome, ContractClient, ServerPorts } from "./contract-client.ts";

const buf = join(
  dirname(createRequire(import.meta.url).resolve("@bufbuild/buf/package.json")),
  "bin",
  "buf",
);
const CURL_MS_MAX = 30_000;

/** `buf curl`, which learns the services by reflection, against both ports. */
export function bufCurlClients({ httpPort, grpcPort }: ServerPorts): readonly ContractClient[] {
  return [
    bufCurlClient("gRPC, gRPC port", grpcPort, "grpc"),
    bufCurlClient("gRPC, edge port", httpPort, "grpc"),
    bufCurlClient("gRPC-web, edge port", httpPort, "grpcweb"),
    bufCurlClient("Connect, edge port", httpPort, "connect"),
  ];
}

function bufCurlClient(name: string, port: number, protocol: string): ContractClient {
  return {
    name: `buf curl, ${name}`,
    binary: false,
    close: () => undefined,
    async call({ method, request }) {
      const { stdout, stderr, failed } = await run([
        "curl",
        "--http2-prior-knowledge",
        `--protocol=${protocol}`,
        `--data=${toJsonString(method.input, request)}`,
        `http://127.0.0.1:${port}/${method.parent.typeName}/${method.name}`,
      ]);
      const messages = jsonDocuments(stdout);
      return failed ? { messages, error: curlError(stderr) } : { messages };
    },
  };
}

/** Names of the services that the server's reflection lists. */
export async function listServices(port: number): Promise<readonly string[]> {
  const url = `http://127.0.0.1:${port}`;
  const { stdout, stderr, failed } = await run([
    "curl",
    "--http2-prior-knowledge",
    "--protocol=grpc",
    "--list-services",
    url,
  ]);
  if (failed) throw new Error(`buf curl could not list the services of ${url}: ${stderr}`);
  return stdout.trim().split("\n");
}

interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly failed: boolean;
}

function run(args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [buf, ...args], { timeout: CURL_MS_MAX }, (error, stdout, stderr) =>
      resolve({ stdout, stderr, failed: error !== null }),
    );
  });
}

/** Documents one after another, as `buf curl` prints the messages of a stream. */
function jsonDocuments(text: string): CallOutcome["messages"] {
  return text
    .trim()
    .split(/(?<=^\}|^\{\})\n/m)
    .filter((document) => document !== "")
    .map((document): JsonValue => JSON.parse(document));
}

function curlError(stderr: string): CallError {
  const start = stderr.indexOf("{");
  if (start < 0) return { code: "unknown", message: stderr, reason: undefined };
  const { code, message, details = [] } = JSON.parse(stderr.slice(start));
  const info = details.find(({ type }: { type: string }) => type === ErrorInfoSchema.typeName);
  if (info === undefined) return { code, message, reason: undefined };
  const { reason } = fromBinary(ErrorInfoSchema, Buffer.from(info.value, "base64"));
  return { code, message, reason };
}
