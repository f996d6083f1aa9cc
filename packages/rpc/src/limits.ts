const MIB = 1024 * 1024;
const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Every limit of a server; a service raises one where its own contract needs it. */
export interface RpcLimits {
  /** One message, either way. */
  readonly messageBytesMax: number;
  /** Deadline of a unary call whose caller gave none. */
  readonly deadlineMs: number;
  /** The longest deadline a caller may ask for at the edge. */
  readonly deadlineMsMax: number;
  /** A stream without a message either way for this long is ended; clients resume. */
  readonly streamIdleMs: number;
  /** A stream is ended at this age; clients resume. */
  readonly streamAgeMsMax: number;
  /** Calls at a time on one connection. */
  readonly streamsPerConnectionMax: number;
  readonly connections: ConnectionLimits;
}

export interface ConnectionLimits {
  /** Header lists larger than this are refused. */
  readonly headerBytesMax: number;
  readonly keepaliveMs: number;
  readonly keepaliveTimeoutMs: number;
  readonly idleMs: number;
  readonly ageMsMax: number;
  /** Calls still open at the maximum age, or at a stop, get this long to end. */
  readonly drainMs: number;
  /** From the first byte of an HTTP/1.1 request to the last of its headers. */
  readonly headersMs: number;
  /**
   * HTTP/2 buffers of one connection, in MiB: Node's default of 10 breaks under 128 calls of 64 KB.
   */
  readonly sessionMemoryMib: number;
}

export const defaultLimits: RpcLimits = {
  messageBytesMax: 4 * MIB,
  deadlineMs: 30 * SECOND_MS,
  deadlineMsMax: 24 * HOUR_MS,
  streamIdleMs: 15 * MINUTE_MS,
  streamAgeMsMax: HOUR_MS,
  streamsPerConnectionMax: 1_000,
  connections: {
    headerBytesMax: 32 * 1024,
    keepaliveMs: 30 * SECOND_MS,
    keepaliveTimeoutMs: 20 * SECOND_MS,
    idleMs: 30 * MINUTE_MS,
    ageMsMax: HOUR_MS,
    drainMs: 10 * SECOND_MS,
    headersMs: 10 * SECOND_MS,
    sessionMemoryMib: 200,
  },
};
