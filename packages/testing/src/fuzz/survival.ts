import assert from "node:assert/strict";
import { waitForServing } from "@tidemill/rpc";

export interface SurvivalOptions {
  /** `host:port` of a port that answers grpc.health.v1. */
  readonly address: string;
  /** Resident memory of the process under test; this process's unless given. */
  readonly rssBytes?: (() => number) | undefined;
}

/** More than any run of a fuzz test may leave behind. */
const RSS_GROWTH_BYTES_MAX = 400 * 1024 * 1024;
const ALIVE_MS_MAX = 10_000;

/** Runs `attack` and fails unless the server still says SERVING and has not grown without bound. */
export async function survives(
  options: SurvivalOptions,
  attack: () => Promise<void>,
): Promise<void> {
  const rssBytes = options.rssBytes ?? (() => process.memoryUsage.rss());
  const beforeBytes = rssBytes();
  await attack();
  await waitForServing(options.address, { timeoutMs: ALIVE_MS_MAX });
  const grownBytes = rssBytes() - beforeBytes;
  assert.ok(grownBytes < RSS_GROWTH_BYTES_MAX, `memory grew by ${grownBytes} bytes`);
}
