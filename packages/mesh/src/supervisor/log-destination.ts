import { appendFileSync, existsSync, renameSync, statSync } from "node:fs";

const BYTES_MAX = 8 * 1024 * 1024;
const PRIVATE = 0o600;

/**
 * The supervisor's own log file, synchronous so that a last line is not lost. One older file is
 * kept; the logs of all other processes are written and rotated by the reaper.
 */
export function logDestination(path: string): { write(line: string): void } {
  let size = existsSync(path) ? statSync(path).size : 0;
  return {
    write(line) {
      try {
        if (size > BYTES_MAX) {
          renameSync(path, `${path}.1`);
          size = 0;
        }
        appendFileSync(path, line, { mode: PRIVATE });
        size += Buffer.byteLength(line);
      } catch {
        // A full disk costs this line, not the mesh.
      }
    },
  };
}
