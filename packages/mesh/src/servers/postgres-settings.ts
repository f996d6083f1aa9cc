import type { PostgresBinaries } from "./postgres-binaries.ts";

export interface PostgresTuning {
  readonly port: number;
  readonly connectionsMax: number;
  /** Off only for tests: a machine that loses power then loses the database. */
  readonly fsync: boolean;
}

/** Connections that a mesh on one machine needs, with room for a person's own client. */
export const CONNECTIONS_MAX = 60;

/**
 * The whole postgresql.conf. It is written at every start, so that a newer release can change it;
 * nothing else edits the file. Sized for a laptop: little memory at rest, few processes, fewer and
 * larger checkpoints than the defaults.
 */
export function postgresConf(tuning: PostgresTuning): string {
  const settings: Record<string, string | number> = {
    listen_addresses: "127.0.0.1",
    port: tuning.port,
    unix_socket_directories: "",
    max_connections: tuning.connectionsMax,
    password_encryption: "scram-sha-256",
    shared_buffers: "96MB",
    work_mem: "4MB",
    maintenance_work_mem: "32MB",
    huge_pages: "off",
    // Reads come from the page cache here; workers would only be more processes at rest.
    io_method: "sync",
    max_worker_processes: 4,
    max_parallel_workers_per_gather: 0,
    max_logical_replication_workers: 0,
    max_wal_senders: 0,
    autovacuum_worker_slots: 4,
    autovacuum_max_workers: 2,
    jit: "off",
    fsync: tuning.fsync ? "on" : "off",
    synchronous_commit: "on",
    // The binaries of the npm package are built without lz4.
    wal_compression: "pglz",
    max_wal_size: "4GB",
    min_wal_size: "128MB",
    checkpoint_timeout: "15min",
    random_page_cost: 1.1,
    idle_in_transaction_session_timeout: "60s",
    tcp_keepalives_idle: 60,
    lc_messages: "C",
    timezone: "UTC",
    log_timezone: "UTC",
    log_line_prefix: "%m [%p] %u@%d ",
    log_checkpoints: "off",
    log_min_duration_statement: "2s",
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value}'`);
  return `# Written at every start.\n${lines.join("\n")}\n`;
}

/** Passwords only, from this machine only. */
export const POSTGRES_HBA = "host all all 127.0.0.1/32 scram-sha-256\n";

/** UTF-8 ordered by no library of the machine, passwords by scram, checksums. */
export function initdbArguments(
  binaries: PostgresBinaries,
  paths: { readonly data: string; readonly passwordFile: string },
  fsync: boolean,
): string[] {
  return [
    binaries.initdb,
    `--pgdata=${paths.data}`,
    `--pwfile=${paths.passwordFile}`,
    "--username=postgres",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
    "--no-instructions",
    ...(fsync ? [] : ["--no-sync"]),
  ];
}
