import { existsSync } from "node:fs";
import { join } from "node:path";
import { portsAt } from "@tidemill/config";
import { StateError } from "@tidemill/errors";
import { systemClock } from "@tidemill/lifecycle";
import { createLogger, type Logger } from "@tidemill/telemetry/logger";
import { ensureCredentials } from "../home/credentials.ts";
import type { HomeLayout } from "../home/home-layout.ts";
import { openHome, prepareHome } from "../home/open-home.ts";
import { findPostgresDirectory, preparePostgres } from "../home/postgres-site.ts";
import { rememberedPython } from "../home/remembered-python.ts";
import { requireFreePorts } from "../ports/require-free-ports.ts";
import { createReaper, type Reaper } from "../reaper/reaper.ts";
import { installedPostgres } from "../servers/postgres-binaries.ts";
import { prepareTools, type Toolbox } from "../tools/toolbox.ts";
import { endLeftovers } from "./end-leftovers.ts";
import { logDestination } from "./log-destination.ts";
import { createMesh, type Mesh } from "./mesh.ts";
import { processSpecs } from "./process-specs.ts";
import { meshUrls } from "./run-record.ts";
import { type ServiceEntries, serviceEntries, sharedEnvironment } from "./service-plans.ts";
import { startMarkOf } from "./start-mark.ts";

export interface StartMeshOptions {
  readonly home: string;
  readonly portOffset: number;
  /** The user's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Lines for a person who waits: downloads, first preparations. */
  readonly progress?: (line: string) => void;
  /** Ends a start that is under way. */
  readonly signal?: AbortSignal;
  /** Other entry files; for tests of the supervisor itself. */
  readonly entries?: ServiceEntries;
  /** Tools that are there already; for tests, which share them between homes. */
  readonly tools?: Toolbox;
}

/**
 * Starts everything on one machine and resolves once all of it serves. Throws StateError or
 * UnavailableError whose message names the cause and the next action; nothing is left running then.
 */
export async function startMesh(options: StartMeshOptions): Promise<Mesh> {
  const startedMs = systemClock.now();
  const ports = portsAt(options.portOffset);
  const release = { postgresMajor: installedPostgres().major };
  const layout = await openHome(options.home, release);
  const python = options.tools?.python ?? (await rememberedPython(layout, options.env));
  const lost = Promise.withResolvers<void>();
  const reaper = createReaper({
    python: python.path,
    env: sharedEnvironment(layout, options.env),
    lock: layout.lock,
    onLost: () => lost.resolve(),
  });
  await lockHome(reaper, layout);
  try {
    await endLeftovers(layout);
    await prepareHome(layout, release);
    const log = supervisorLog(layout, options);
    await requireFreePorts(options.portOffset);
    const credentials = await ensureCredentials(layout);
    const { env, progress = () => {}, signal } = options;
    if (!existsSync(join(layout.postgres, "databases.json"))) progress("preparing PostgreSQL");
    const [tools, postgres] = await Promise.all([
      options.tools ?? prepareTools({ python, directory: layout.tools, env, progress, signal }),
      preparePostgres(layout, credentials),
    ]);
    const entries = options.entries ?? serviceEntries;
    const mesh = await createMesh({
      layout,
      reaper,
      log,
      clock: systemClock,
      specs: processSpecs({ layout, credentials, ports, tools, env, entries }, postgres),
      identity: {
        pid: process.pid,
        startMark: await startMarkOf(process.pid),
        startedMs,
        portOffset: options.portOffset,
        ports,
        urls: meshUrls(ports),
        postgresDirectory: await findPostgresDirectory(layout),
      },
      lost: lost.promise,
    });
    await startOrStop(mesh, options.signal);
    return mesh;
  } catch (error) {
    await reaper.stop();
    // A Ctrl-C ends pip and initdb as well: their failure is not the news then.
    throw options.signal?.aborted ? interrupted() : error;
  }
}

function interrupted(): StateError {
  return new StateError("STOPPED", "the start was interrupted");
}

async function lockHome(reaper: Reaper, layout: HomeLayout): Promise<void> {
  try {
    await reaper.start();
  } catch (error) {
    if (!(error instanceof StateError) || error.reason !== "HOME_IN_USE") throw error;
    throw new StateError(
      "HOME_IN_USE",
      `a mesh runs on ${layout.root} already, as process ${error.metadata.pid}: see ` +
        "`npx tidemill status`, end it with `npx tidemill down`, or use another --home",
      { metadata: error.metadata },
    );
  }
}

async function startOrStop(mesh: Mesh, signal: AbortSignal | undefined): Promise<void> {
  const onAbort = () => {
    // The start that is awaited below fails then, and reports it.
    mesh.stop().catch(() => {});
  };
  signal?.addEventListener("abort", onAbort);
  try {
    if (signal?.aborted) throw interrupted();
    await mesh.start();
  } catch (error) {
    await mesh.stop();
    throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
  }
}

function supervisorLog(layout: HomeLayout, options: StartMeshOptions): Logger {
  const level = options.env.TIDEMILL_LOG_LEVEL;
  return createLogger({
    service: "supervisor",
    level: level === "debug" || level === "warn" || level === "error" ? level : "info",
    destination: logDestination(join(layout.logs, "supervisor.log")),
  });
}
