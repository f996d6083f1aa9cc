import { statfs } from "node:fs/promises";

const MIB = 1024 ** 2;
/** What a start needs on the disk of its home: with less Postgres may not get to write its log. */
export const FREE_MIB_MIN = 256;

/** Room on the disk of `path`, in whole MiB. */
export async function freeMibAt(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(path);
  return Math.floor((bavail * bsize) / MIB);
}
