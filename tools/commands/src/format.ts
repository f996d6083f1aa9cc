import { installed } from "./root.ts";
import { runProcess } from "./run-process.ts";

/** `npm run format`: what can be put right without thinking. */
const commands = [
  [installed("biome"), "check", "--write", "."],
  [installed("buf"), "format", "proto", "-w"],
];
for (const argv of commands) {
  const { exitCode, output } = await runProcess(argv);
  process.stdout.write(output);
  if (exitCode !== 0) process.exitCode = exitCode;
}
