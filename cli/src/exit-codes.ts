/** What the process ends with. Documented in the README; scripts branch on it. */
export const exitCodes = {
  ok: 0,
  /** The run failed or was canceled, or the mesh refused the request. */
  failed: 1,
  /** The command line itself was wrong. */
  usage: 2,
  /** The mesh does not answer, or cannot run on this machine. */
  unavailable: 3,
  /** Ctrl-C while watching; the run goes on. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];
