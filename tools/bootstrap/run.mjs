#!/usr/bin/env node
// `node tools/bootstrap/run.mjs ENTRY.ts ARGUMENTS`: runs a file of the repository on its own Node.
import { launch } from "./src/launch.mjs";

const [entry = "", ...args] = process.argv.slice(2);
await launch(entry, args);
