#!/usr/bin/env node
// The `tidemill` command: any Node >= 18 starts it, the project's own Node runs it.
import { launch } from "../../tools/bootstrap/src/launch.mjs";

await launch("cli/src/main.ts", process.argv.slice(2));
