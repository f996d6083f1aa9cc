/** What a finished execution says about itself. */
export interface TaskExit {
  readonly kind: "exited";
  readonly code: number;
  /** The signal that ended it; 0 for none. */
  readonly signal: number;
  readonly stdoutBytes: number;
  readonly stderrBytes: number;
  /** What it printed and could not be kept. */
  readonly droppedBytes: number;
  /** What it used when it was ended for that; 0 when it was not. */
  readonly memoryBytes: number;
}

/** `lost`: what watched the task was killed, so nobody knows how it ended. */
export type TaskEnd = TaskExit | { readonly kind: "lost" };

/** A remark for the user that fails nothing. */
export interface Remark {
  readonly code: string;
  readonly message: string;
}

/** What a runner may say while it works. */
export interface RunnerHooks {
  /** An environment is being made; that takes a while. */
  onBuilding(): void;
  onWarning(remark: Remark): void;
  /** A line for the attempt's `system` log. */
  onRemark(text: string): void;
}

export interface PrepareRequest {
  readonly attemptId: string;
  readonly image: string;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly hooks: RunnerHooks;
  /** Aborts when the attempt is to stop. */
  readonly signal: AbortSignal;
}

export interface RunRequest {
  /** Working directory and HOME; exists and is empty. */
  readonly directory: string;
  /** Holds `minio/`, `s3/`, ...: the local side of artifact addresses. */
  readonly mounts: string;
  readonly stdoutPath: string;
  readonly stderrPath: string;
  /** What the user declared, nothing else. */
  readonly env: Readonly<Record<string, string>>;
  /** All its processes together are ended when they use more, where this system can tell. */
  readonly memoryBytesMax?: number;
  /** User code runs since `atMs`, under these limits. */
  onStarted(limits: readonly string[], atMs: number): void;
}

/** Ready to run once. */
export interface PreparedTask {
  run(request: RunRequest): Promise<TaskEnd>;
  /** TERM to everything the task started, KILL after the grace. Does nothing unless it runs. */
  stop(graceMs: number): void;
}

/** One way to run tasks. */
export interface Runner {
  /**
   * Makes what the task needs beside its inputs. Throws StateError with a stable reason
   * (INSTALL_FAILED, IMAGE_UNAVAILABLE, ARGUMENT_TOO_LONG, PYTHON_MISSING) when it cannot run here.
   */
  prepare(request: PrepareRequest): Promise<PreparedTask>;
  stop(): Promise<void>;
}
