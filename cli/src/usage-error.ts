import { InvalidError } from "@tidemill/errors";

/** The command line was wrong: the process ends with exit code 2. */
export function usageError(message: string): InvalidError {
  return new InvalidError(USAGE_REASON, message);
}

export const USAGE_REASON = "USAGE";
