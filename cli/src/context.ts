import type { Env } from "@tidemill/config";
import type { MeshAddress } from "./mesh-client/mesh-address.ts";
import type { Terminal } from "./output/terminal.ts";

/** What every command is given; nothing in a command reads the process by itself. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly env: Env;
  readonly json: boolean;
  /** `""` means the mesh's default. */
  readonly namespace: string;
  readonly home: string;
  /** From `--port-offset`; absent means that of the mesh that runs on this home. */
  readonly portOffset: number | undefined;
  readonly cwd: string;
  address(): Promise<MeshAddress>;
  now(): number;
  /** Standard input to its end. */
  readStdin(): Promise<Uint8Array>;
  /** Aborts with the first Ctrl-C. */
  readonly signal: AbortSignal;
}
