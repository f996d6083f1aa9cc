import { StateError } from "@tidemill/errors";

/** MAX_ARG_STRLEN of Linux: one argument or variable, its terminating zero included. */
const ARGUMENT_BYTES_MAX = 128 * 1024;
/** A quarter of the usual 8 MiB stack, for all of them and their pointers together. */
const ARGUMENTS_BYTES_MAX = 2 * 1024 * 1024;
const POINTER_BYTES = 8;

/** Throws StateError ARGUMENT_TOO_LONG for a command that the kernel would refuse to start. */
export function requireStartable(
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): void {
  let totalBytes = 0;
  const check = (text: string, what: string) => {
    const bytes = Buffer.byteLength(text) + 1;
    if (bytes > ARGUMENT_BYTES_MAX) {
      throw tooLong(`${what} has ${bytes} bytes, and the kernel takes ${ARGUMENT_BYTES_MAX}`);
    }
    totalBytes += bytes + POINTER_BYTES;
  };
  for (const [at, text] of argv.entries()) check(text, `argument ${at} of the command`);
  for (const [name, value] of Object.entries(env)) check(`${name}=${value}`, `variable ${name}`);
  if (totalBytes > ARGUMENTS_BYTES_MAX) {
    throw tooLong(
      `the command's arguments and variables have ${totalBytes} bytes together, ` +
        `and the kernel takes ${ARGUMENTS_BYTES_MAX}`,
    );
  }
}

function tooLong(problem: string): StateError {
  return new StateError(
    "ARGUMENT_TOO_LONG",
    `${problem}: pass the value as an artifact, or read it in a Python component`,
  );
}
