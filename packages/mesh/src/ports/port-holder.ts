import { readdir, readFile, readlink } from "node:fs/promises";

export interface PortHolder {
  readonly pid: number;
  readonly command: string;
}

const LISTEN = "0A";
const COMMAND_LENGTH_MAX = 120;

/**
 * Who listens on a port of this machine, or undefined where that cannot be known: without /proc,
 * or when the process belongs to another user and we are not root.
 */
export async function findPortHolder(port: number): Promise<PortHolder | undefined> {
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const inode of listeners(await readFile(table, "utf8").catch(() => ""), port)) {
      inodes.add(inode);
    }
  }
  if (inodes.size === 0) return undefined;
  for (const pid of await readdir("/proc")) {
    if (/^\d+$/.test(pid) && (await holdsSocket(pid, inodes))) {
      return { pid: Number(pid), command: await commandOf(pid) };
    }
  }
  return undefined;
}

/** The socket inodes of a /proc/net/tcp table that listen on the port. */
export function listeners(table: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(suffix) && fields[3] === LISTEN)
    .flatMap((fields) => fields[9] ?? []);
}

async function holdsSocket(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  // A process that ends meanwhile, or is another user's, simply is not the one found.
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const descriptor of descriptors) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}

async function commandOf(pid: string): Promise<string> {
  const line = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return line.replaceAll("\0", " ").trim().slice(0, COMMAND_LENGTH_MAX);
}
