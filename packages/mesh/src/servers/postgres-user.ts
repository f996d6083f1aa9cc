import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { identityOf, type UnixUser } from "./process-plan.ts";

const NOBODY: UnixUser = { name: "nobody", uid: 65_534, gid: 65_534 };

/**
 * Postgres refuses to run as root, so there it runs as `postgres` when that user exists and as
 * `nobody` otherwise. Undefined where we are no root and it simply runs as ourselves.
 */
export function postgresUser(
  uid = process.getuid?.(),
  passwd = readPasswd(),
): UnixUser | undefined {
  if (uid !== 0) return undefined;
  return findUser(passwd, "postgres") ?? findUser(passwd, "nobody") ?? NOBODY;
}

/**
 * Whether `user` may enter every directory down to `path`. Asked of the kernel, as that user, so
 * that access lists and mount options count too.
 */
export function canEnter(path: string, user: UnixUser | undefined): boolean {
  if (user === undefined) return true;
  const result = spawnSync("/bin/sh", ["-c", 'test -x "$0"', path], {
    cwd: "/",
    stdio: "ignore",
    ...identityOf(user),
  });
  return result.status === 0;
}

function findUser(passwd: string, name: string): UnixUser | undefined {
  for (const line of passwd.split("\n")) {
    const [user, , uid, gid] = line.split(":");
    if (user === name && uid !== undefined && gid !== undefined) {
      return { name, uid: Number(uid), gid: Number(gid) };
    }
  }
  return undefined;
}

function readPasswd(): string {
  try {
    return readFileSync("/etc/passwd", "utf8");
  } catch {
    // Without the file there are no named users; the numbers of nobody still work.
    return "";
  }
}
