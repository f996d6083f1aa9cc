import { excerpt } from "./excerpt.ts";
import { FILE_NAME_BYTES_MAX, NAME_BYTES_MAX, PIPELINE_NAME_LENGTH_MAX } from "./limits.ts";

const PIPELINE_NAME = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;

/** What is wrong with the name of a pipeline, or undefined. It becomes part of addresses. */
export function pipelineNameProblem(name: string): string | undefined {
  if (name.length > PIPELINE_NAME_LENGTH_MAX) {
    return `has ${name.length} characters, more than the ${PIPELINE_NAME_LENGTH_MAX} allowed`;
  }
  if (PIPELINE_NAME.test(name)) return undefined;
  return (
    `"${name}" must be lower-case letters, digits and dashes, ` +
    "beginning and ending with a letter or digit"
  );
}

/** What is wrong with a name that becomes the name of a file or directory, or undefined. */
export function fileNameProblem(name: string): string | undefined {
  if (name === "." || name === "..") return `"${name}" names a directory`;
  if (/[/\\]/.test(name)) return `"${excerpt(name)}" must not contain / or \\`;
  return nameProblem(name, FILE_NAME_BYTES_MAX);
}

/** What is wrong with any other name, or undefined. Every script is fine, controls are not. */
export function nameProblem(name: string, bytesMax: number = NAME_BYTES_MAX): string | undefined {
  if (name === "") return "has an empty name";
  if (name === "__proto__") return `"${name}" is reserved`;
  const bytes = utf8Length(name);
  if (bytes > bytesMax) {
    return `the name "${excerpt(name)}" has ${bytes} bytes, more than the ${bytesMax} allowed`;
  }
  if (/['"\p{Cc}\p{Cs}\u2028\u2029]/u.test(name)) {
    return `${JSON.stringify(excerpt(name))} must not contain quotes or control characters`;
  }
  return undefined;
}

/** How a version of a pipeline is called that was given no name. */
export function versionName(number: number): string {
  return `v${number}`;
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
