import { padTo, widthOf } from "./display-width.ts";
import { plainText } from "./plain-text.ts";

/**
 * Columns as wide as their widest cell, two blanks between them. Cells hold texts of users, so
 * they are made plain; the last column is never padded.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [header, ...rows].map((row) => row.map(plainText));
  const widths = header.map((_, column) =>
    Math.max(...all.map((row) => widthOf(row[column] ?? ""))),
  );
  return all.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : padTo(cell, widths[column] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}
