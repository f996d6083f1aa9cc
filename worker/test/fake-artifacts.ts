import { createHash } from "node:crypto";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { OutOfRangeError, UnsupportedError } from "@tidemill/errors";
import type { ArtifactSchema } from "@tidemill/proto/tidemill/artifacts/v1/artifact_pb.ts";
import {
  ArtifactService,
  type CreateTreeRequest,
} from "@tidemill/proto/tidemill/artifacts/v1/artifact_service_pb.ts";
import { type LogKey, LogService } from "@tidemill/proto/tidemill/artifacts/v1/log_service_pb.ts";
import { bind, createRpcServer, type HttpRouteHandler, type RpcServer } from "@tidemill/rpc";
import { createTelemetry, silentLogger } from "@tidemill/telemetry";

/** The artifact service as the worker sees it, in memory. */
export class FakeArtifacts {
  readonly blobs = new Map<string, Buffer>();
  readonly trees = new Map<string, CreateTreeRequest["files"]>();
  readonly artifacts: MessageInitShape<typeof ArtifactSchema>[] = [];
  readonly logs = new Map<string, Buffer>();
  readonly sealed = new Map<string, number>();
  /** Texts of trees that were too long for a message. */
  readonly lists: string[] = [];
  puts = 0;
  /** So many uploads are answered that the disk is full. */
  fullAnswers = 0;
  #server: RpcServer | undefined;
  #ports = { http: 0, grpc: 0 };

  get http(): string {
    return `http://127.0.0.1:${this.#ports.http}`;
  }

  get grpc(): string {
    return `127.0.0.1:${this.#ports.grpc}`;
  }

  async start(): Promise<void> {
    this.#server = createRpcServer({
      name: "artifacts",
      log: silentLogger,
      host: "127.0.0.1",
      httpPort: this.#ports.http,
      grpcPort: this.#ports.grpc,
      telemetry: createTelemetry({ service: "artifacts" }),
      services: [this.#artifactBinding(), this.#logBinding()],
      http: this.#handle,
    });
    await this.#server.start();
    this.#ports = { http: this.#server.httpPort, grpc: this.#server.grpcPort };
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    this.#server = undefined;
  }

  add(content: string): { digest: string; sizeBytes: bigint } {
    const bytes = Buffer.from(content);
    const digest = createHash("sha256").update(bytes).digest("hex");
    this.blobs.set(digest, bytes);
    return { digest, sizeBytes: BigInt(bytes.length) };
  }

  log(taskId: string, stream = "stdout"): string {
    return (this.logs.get(`${taskId}/${stream}`) ?? Buffer.alloc(0)).toString("utf8");
  }

  #artifactBinding() {
    const self = this;
    return bind(ArtifactService, {
      createArtifact({ content, producer, ...request }) {
        const { name, uri, metadataJson, schemaTitle } = request;
        const artifact = { id: `artifact-${self.artifacts.length + 1}`, name, uri, metadataJson };
        self.artifacts.push({ ...artifact, schemaTitle, content, ...(producer && { producer }) });
        return { artifact };
      },
      createTree({ files, listDigest }) {
        if (listDigest !== "") {
          self.lists.push(self.blobs.get(listDigest)?.toString() ?? "");
          return { tree: { digest: listDigest, files: [] } };
        }
        const digest = createHash("sha256")
          .update(JSON.stringify(files.map(String)))
          .digest("hex");
        self.trees.set(digest, files);
        return { tree: { digest, files: [] } };
      },
      // A page of one file, so that whoever does not ask on misses the rest.
      getTree({ digest, pageToken }) {
        const files = self.trees.get(digest) ?? [];
        const at = Number(pageToken || "0");
        const nextPageToken = at + 1 < files.length ? String(at + 1) : "";
        return { tree: { digest, files: files.slice(at, at + 1) }, nextPageToken };
      },
      getArtifact: unused,
      listArtifacts: unused,
      getBlob: unused,
      findMissingBlobs: ({ digests }) => ({
        missingDigests: digests.filter((digest) => !self.blobs.has(digest)),
      }),
    });
  }

  #logBinding() {
    const self = this;
    return bind(LogService, {
      readLog: unused,
      listLogs: unused,
      appendLog({ key, offset, data }) {
        const name = nameOf(key);
        const log = self.logs.get(name) ?? Buffer.alloc(0);
        if (Number(offset) > log.length) throw new OutOfRangeError("LOG_OFFSET", "past the end");
        self.logs.set(name, Buffer.concat([log.subarray(0, Number(offset)), data]));
        return { sizeBytes: BigInt(log.length) };
      },
      sealLog({ key, sizeBytes }) {
        self.sealed.set(nameOf(key), Number(sizeBytes));
        return {};
      },
    });
  }

  readonly #handle: HttpRouteHandler = (request, response) => {
    const digest = /^\/v1\/blobs\/([0-9a-f]{64})$/.exec(request.url ?? "")?.[1];
    if (digest === undefined) return false;
    if (request.method === "GET") {
      const blob = this.blobs.get(digest)?.toString("latin1");
      response.statusCode = blob === undefined ? 404 : 200;
      response.end(blob ?? "", "latin1");
      return true;
    }
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => {
      if (this.fullAnswers > 0) {
        this.fullAnswers -= 1;
        response.statusCode = 507;
        response.end();
        return;
      }
      this.puts += 1;
      this.blobs.set(digest, Buffer.concat(parts));
      response.statusCode = 201;
      response.end();
    });
    return true;
  };
}

function unused(): never {
  throw new UnsupportedError("fake", "the worker does not call this");
}

function nameOf(key: LogKey | undefined): string {
  return `${key?.taskId}/${key?.stream}`;
}
