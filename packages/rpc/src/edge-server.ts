import { createServer as createHttp1Server, type RequestListener } from "node:http";
import {
  createServer as createHttp2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type ServerHttp2Session,
} from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import type { Service } from "@tidemill/lifecycle";
import { joinHostPort } from "./address.ts";
import { keepSession } from "./http2-session.ts";
import type { RpcLimits } from "./limits.ts";
import { listenError } from "./listen-error.ts";
import { sniffProtocol } from "./sniff-protocol.ts";

export type EdgeListener = RequestListener &
  ((request: Http2ServerRequest, response: Http2ServerResponse) => void);

export interface EdgeServerOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly limits: RpcLimits;
  readonly listener: EdgeListener;
}

/** One clear-text port for HTTP/1.1 and HTTP/2, told apart by their first bytes. */
export interface EdgeServer extends Service {
  readonly port: number;
}

export function createEdgeServer(options: EdgeServerOptions): EdgeServer {
  const { limits, listener } = options;
  const { connections } = limits;
  const http1 = createHttp1Server(
    {
      maxHeaderSize: connections.headerBytesMax,
      headersTimeout: connections.headersMs,
      // Uploads and streams may last; idle sockets are ended by their own timeout below.
      requestTimeout: 0,
      keepAliveTimeout: connections.keepaliveMs,
    },
    listener,
  );
  const http2 = createHttp2Server(
    {
      maxSessionMemory: connections.sessionMemoryMib,
      settings: {
        maxConcurrentStreams: limits.streamsPerConnectionMax,
        maxHeaderListSize: connections.headerBytesMax,
      },
    },
    listener,
  );
  const sockets = new Set<Socket>();
  const sessions = new Set<ServerHttp2Session>();
  http2.on("session", (session) => keepSession(session, sessions, connections));
  // A broken connection is the peer's affair; its streams have ended with it.
  http2.on("sessionError", () => undefined);
  const listening = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    sniffProtocol(socket, connections.headersMs, (protocol) => {
      (protocol === "http2" ? http2 : http1).emit("connection", socket);
    });
  });
  let port = options.port;
  let stopped: Promise<void> | undefined;

  async function stop(): Promise<void> {
    if (!listening.listening) return;
    const closed = new Promise<void>((resolve) => listening.close(() => resolve()));
    http1.closeIdleConnections();
    http1.close();
    for (const session of sessions) session.close();
    const timer = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, connections.drainMs);
    await closed;
    clearTimeout(timer);
  }

  return {
    get port() {
      return port;
    },
    async start() {
      port = await listen(listening, options);
      // It never listens itself, and only this makes it watch over its headers' timeout.
      http1.emit("listening");
    },
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

function listen(server: Server, { host, port }: EdgeServerOptions): Promise<number> {
  return new Promise((resolve, reject) => {
    const onError = (cause: Error) => reject(listenError(joinHostPort(host, port), cause));
    server.once("error", onError);
    server.listen(port, host, () => {
      server.off("error", onError);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}
