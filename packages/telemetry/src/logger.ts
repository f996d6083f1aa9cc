import { pino } from "pino";
import { currentScope, type LogFields } from "./scope.ts";
import { serializeError } from "./serialize-error.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** One JSON line an entry: time, level, service, message, then fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose every line carries these fields. */
  child(fields: LogFields): Logger;
}

export interface LoggerOptions {
  readonly service: string;
  readonly level: LogLevel;
  /** Where lines go; standard output unless given. */
  readonly destination?: { write(line: string): void };
}

/** Never in a log line, whatever a caller passes. */
const SECRET_FIELDS = ["password", "token", "authorization", "*.password", "*.authorization"];

/**
 * The logger of a process. Fields of the current scope (request_id, run_id, task_id, trace_id) come
 * by themselves. Lines are written synchronously, so that none is lost when the process dies.
 */
export function createLogger(options: LoggerOptions): Logger {
  const settings = {
    level: options.level,
    messageKey: "message",
    base: { service: options.service },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { error: serializeError },
    redact: { paths: SECRET_FIELDS, censor: "[redacted]" },
    mixin: () => ({ ...currentScope()?.fields }),
  };
  const destination = options.destination ?? pino.destination({ fd: 1, sync: true });
  return wrap(pino(settings, destination));
}

/** For tests, and for code that may run without a logger. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLogger,
};

function wrap(inner: pino.Logger): Logger {
  return {
    debug: (message, fields) => inner.debug(fields ?? {}, message),
    info: (message, fields) => inner.info(fields ?? {}, message),
    warn: (message, fields) => inner.warn(fields ?? {}, message),
    error: (message, fields) => inner.error(fields ?? {}, message),
    child: (fields) => wrap(inner.child(fields)),
  };
}
