import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createLogger } from "@tidemill/telemetry/logger";
import { lastWords } from "./last-words.ts";

/** What a service writes that logs these, one after the other. */
function logged(write: (log: ReturnType<typeof createLogger>) => void): string {
  let text = "";
  const destination = {
    write(line: string) {
      text += line;
    },
  };
  write(createLogger({ service: "orchestrator", level: "info", destination }));
  return text;
}

describe("the last words of a process", () => {
  const failure = new Error('the database was migrated by a newer version ("0009")');

  it("are the message of its last error, and not its stack", () => {
    const tail = logged((log) => {
      log.info("starting");
      log.error(`orchestrator could not run: ${failure.message}`, { error: failure });
      log.info("stopped");
    });
    assert.equal(lastWords(tail), `orchestrator could not run: ${failure.message}`);
  });

  it("are found where the beginning of a long entry is cut off", () => {
    const tail = logged((log) => log.error(failure.message, { error: failure })).slice(120);
    assert.equal(lastWords(tail), failure.message);
  });

  it("are its last message when it logged no error", () => {
    const tail = logged((log) => {
      log.info("starting");
      log.warn("the database does not answer yet: trying again");
    });
    assert.equal(lastWords(tail), "the database does not answer yet: trying again");
  });

  it("are its last lines when it crashed without a word, or keeps no such log", () => {
    const crash = `file:///main.ts:1\nthrow new Error("no luck");\n\nError: no luck\n    at x:1:7\n`;
    const expected = 'file:///main.ts:1\n  throw new Error("no luck");\n  Error: no luck';
    assert.equal(lastWords(crash), expected);
    assert.equal(lastWords(logged((log) => log.info("starting")) + crash), expected);
    assert.equal(lastWords(""), "");
  });
});
