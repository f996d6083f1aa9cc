import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { root } from "./root.mjs";
import { SetupFailure } from "./setup-failure.mjs";

/** Patient with a slow registry, but not with one that does not answer at all. */
const flags = [
  // The checker and the platform's Node are among these, whatever NODE_ENV or npm's settings say.
  "--include=dev",
  "--include=optional",
  "--no-audit",
  "--no-fund",
  "--loglevel=http",
  "--fetch-retries=3",
  "--fetch-retry-factor=2",
  "--fetch-retry-mintimeout=1000",
  "--fetch-retry-maxtimeout=8000",
  "--fetch-timeout=60000",
];
const ERROR_LINES_MAX = 6;
const network =
  /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET|CERT_|_CERT|CERTIFICATE/;
const fetched = /http fetch GET 200 .*\/([^/]+)\.tgz/;

/** Runs `npm ci` with a line for each download. Throws SetupFailure with cause and next action. */
export async function npmCi() {
  say("installing the npm packages that package-lock.json names");
  const startMs = Date.now();
  let errors = await runNpm(process.env);
  // A proxy variable that leads nowhere is no reason to fail where npm gets through without it.
  const direct = withoutProxies(process.env);
  if (errors !== undefined && direct !== undefined && network.test(errors.join("\n"))) {
    say("no answer through the proxy of the environment: trying without it");
    errors = (await runNpm(direct)) === undefined ? undefined : errors;
  }
  if (errors !== undefined) throw explain(errors);
  say(`npm packages installed in ${Math.round((Date.now() - startMs) / 1000)} s`);
}

/**
 * The environment without its proxies, or undefined when it has none.
 * @param {NodeJS.ProcessEnv} env
 */
function withoutProxies(env) {
  const left = Object.entries(env).filter(([name]) => !/^(https?|all)_proxy$/i.test(name));
  return left.length < Object.keys(env).length ? Object.fromEntries(left) : undefined;
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<string[] | undefined>} npm's error lines, or undefined when it succeeded
 */
function runNpm(env) {
  const [command, ...first] = npmCommand();
  const child = spawn(command, [...first, "ci", ...flags], {
    cwd: root,
    env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  /** @type {string[]} */
  const errors = [];
  createInterface({ input: child.stderr }).on("line", (line) => {
    const name = fetched.exec(line)?.[1];
    if (name !== undefined) say(`  downloaded ${name}`);
    else if (/^npm (error|ERR!)/.test(line)) errors.push(line.replace(/^npm (error|ERR!) ?/, ""));
  });
  return new Promise((resolve) => {
    child.once("error", (error) => resolve([error.message]));
    child.once("close", (code) => resolve(code === 0 ? undefined : errors));
  });
}

/**
 * The npm that started us, else the one on PATH.
 * @returns {[string, ...string[]]}
 */
function npmCommand() {
  const script = process.env.npm_execpath;
  const isNpm = script !== undefined && /npm(-cli)?\.c?js$/.test(script);
  return isNpm ? [process.execPath, script] : ["npm"];
}

/** @param {string[]} lines */
function explain(lines) {
  const text = lines.join("\n");
  const summary = lines
    .filter((line) => line !== "")
    .slice(0, ERROR_LINES_MAX)
    .join("\n  ");
  if (/ENOSPC/.test(text)) {
    return new SetupFailure(
      `the disk of ${root} is full; npm stopped half-way`,
      "make room on it, then start again: the install is repaired",
    );
  }
  if (network.test(text)) {
    return new SetupFailure(
      `the npm registry does not answer:\n  ${summary}`,
      "check the network and `npm config list` (registry, proxy), then start again",
    );
  }
  if (/spawn npm ENOENT/.test(text)) {
    return new SetupFailure(
      "npm is not on PATH",
      "install npm (it comes with Node), then start again",
    );
  }
  if (/EACCES|EPERM|EROFS/.test(text)) {
    return new SetupFailure(
      `npm may not write where it must:\n  ${summary}`,
      `make ${root} and npm's cache (\`npm config get cache\`) writable, then start again`,
    );
  }
  return new SetupFailure(`npm ci failed:\n  ${summary}`, "solve what npm names, then start again");
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`);
}
