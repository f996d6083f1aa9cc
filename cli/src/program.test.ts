import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { InvalidError, NotFoundError, UnavailableError } from "@tidemill/errors";
import type { Command } from "commander";
import { exitCodes } from "./exit-codes.ts";
import { failureOf } from "./failure.ts";
import { createProgram } from "./program.ts";
import { usageError } from "./usage-error.ts";

function leaves(command: Command, path: string): [string, Command][] {
  if (command.commands.length === 0) return [[path, command]];
  return command.commands.flatMap((child) => leaves(child, `${path} ${child.name()}`));
}

function programFor(exits: number[], written: string[]): Command {
  const program = createProgram(
    () => assert.fail("no command runs here"),
    (code) => exits.push(code),
  );
  const quiet = (command: Command): void => {
    command.configureOutput({
      writeOut: (text) => written.push(text),
      writeErr: (text) => written.push(text),
    });
    for (const child of command.commands) quiet(child);
  };
  quiet(program);
  return program;
}

describe("the command line", () => {
  for (const [path] of leaves(programFor([], []), "tidemill")) {
    it(`${path} --help shows an example of it`, async () => {
      const exits: number[] = [];
      const written: string[] = [];
      const [, ...words] = path.split(" ");
      await programFor(exits, written).parseAsync(["node", "tidemill", ...words, "--help"]);
      assert.deepEqual(exits, [exitCodes.ok]);
      assert.doesNotMatch(written.join(""), /default: (\[\]|"")/);
      assert.match(written.join(""), new RegExp(`Example:\\n  \\$ npx ${path}`));
    });
  }

  for (const [words, shows] of [
    [["--version"], /^\d+\.\d+\.\d+\n$/],
    [["-V"], /^\d+\.\d+\.\d+\n$/],
    [["--help"], /-V, --version/],
    [["help"], /Commands:\n {2}up/],
    [["help", "run", "submit"], /Usage: tidemill run submit /],
    [["help", "run"], /Usage: tidemill run /],
  ] as const) {
    it(`${words.join(" ")} shows it and ends with 0`, async () => {
      const exits: number[] = [];
      const written: string[] = [];
      await programFor(exits, written).parseAsync(["node", "tidemill", ...words]);
      assert.deepEqual(exits, [exitCodes.ok]);
      assert.match(written.join(""), shows);
    });
  }

  for (const words of [
    ["help", "run", "nonsense"],
    ["help", "nonsense"],
    ["runs"],
    ["run", "get"],
    ["run", "list", "--limit", "-1"],
    ["run", "list", "--limit", "0"],
    ["--port-offset", "x", "status"],
  ]) {
    it(`${words.join(" ")} is a usage error`, async () => {
      const exits: number[] = [];
      await programFor(exits, []).parseAsync(["node", "tidemill", ...words]);
      assert.deepEqual(exits, [exitCodes.usage]);
    });
  }
});

describe("failureOf", () => {
  it("a wrong command line ends with 2", () => {
    assert.equal(failureOf(usageError("-p x: write it as name=value")).exitCode, exitCodes.usage);
  });

  it("a mesh that is away ends with 3 and says how to start it", () => {
    const failure = failureOf(new UnavailableError("orchestrator", "127.0.0.1:9081 is away"));
    assert.equal(failure.exitCode, exitCodes.unavailable);
    assert.match(failure.lines.join("\n"), /npx tidemill up/);
  });

  it("what a refused pipeline breaks is listed, and a message is not said twice", () => {
    const error = new InvalidError("IR_CYCLE", "the tasks a, b wait for each other", [
      { field: "root.dag", description: "the tasks a, b wait for each other" },
      { field: "root.dag.tasks.c", description: "no component comp-c" },
    ]);
    assert.deepEqual(failureOf(error).lines, [
      "tidemill: the tasks a, b wait for each other",
      "  root.dag.tasks.c: no component comp-c",
    ]);
  });

  it("parameters that are missing are listed, and how to give them", () => {
    const violations = ["a", "b"].map((name) => ({
      field: `parameters_json["${name}"]`,
      description: `parameter "${name}" is missing: it must be a string (STRING)`,
    }));
    const message = `${violations[0]?.description} (and 1 more problem)`;
    const error = new InvalidError("INVALID_PARAMETERS", message, violations, {
      metadata: { missing: "a, b" },
    });
    assert.deepEqual(failureOf(error).lines, [
      `tidemill: ${message}`,
      '  parameter "b" is missing: it must be a string (STRING)',
      "  give them with -p a=… -p b=…",
    ]);
  });

  it("an unknown task is told which there are, and a bug shows no stack", () => {
    const unknown = new NotFoundError("task", "x", { metadata: { known: "load, train" } });
    assert.match(failureOf(unknown).lines[1] ?? "", /there is: load, train/);
    assert.deepEqual(failureOf(new Error("boom")).lines, ["tidemill: boom"]);
  });
});
