/** Where a command writes, and what that can show. */
export interface Terminal {
  /** One line of the result, to standard output. */
  print(line: string): void;
  /** Progress, warnings and errors, to standard error. */
  note(line: string): void;
  /** Text as it is, to standard output; resolves once it can take more. */
  write(data: string | Uint8Array): Promise<void>;
  /** A person looks at standard output: it may be redrawn. */
  readonly interactive: boolean;
  readonly colors: boolean;
  columns(): number;
  rows(): number;
}

interface Stream extends NodeJS.WritableStream {
  readonly isTTY?: boolean;
  readonly columns?: number | undefined;
  readonly rows?: number | undefined;
}

interface Streams {
  readonly out: Stream;
  readonly error: Stream;
  /** The terminal cannot be redrawn, whatever it says (`TERM=dumb`). */
  readonly dumb: boolean;
  /** `--no-color`, `NO_COLOR`. */
  readonly plain: boolean;
}

/** Also for terminals that say 0, as some do before they were given a size. */
const COLUMNS_DEFAULT = 100;
const ROWS_DEFAULT = 40;

export function terminalOf(streams: Streams): Terminal {
  const interactive = streams.out.isTTY === true && !streams.dumb;
  return {
    print: (line) => void streams.out.write(`${line}\n`),
    note: (line) => void streams.error.write(`${line}\n`),
    write(data) {
      return new Promise((resolve, reject) => {
        streams.out.write(data, (error) => (error ? reject(error) : resolve()));
      });
    },
    interactive,
    colors: interactive && !streams.plain,
    columns: () => streams.out.columns || COLUMNS_DEFAULT,
    rows: () => streams.out.rows || ROWS_DEFAULT,
  };
}
