import assert from "node:assert/strict";
import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { tempDir } from "@tidemill/testing";

const source = fileURLToPath(new URL("..", import.meta.url));
const UNAVAILABLE = 3;
const RUN_MS_MAX = 60_000;

interface Clone {
  readonly directory: string;
  run(env?: NodeJS.ProcessEnv): SpawnSyncReturns<string>;
}

/** A repository in small, in a path with a space: the bootstrap, one package, one entry. */
function makeClone(dependencies: Record<string, string>): Clone {
  const directory = join(tempDir("bootstrap"), "a clone");
  mkdirSync(join(directory, "tools"), { recursive: true });
  cpSync(source, join(directory, "tools", "bootstrap"), { recursive: true });
  const manifest = { name: "clone", version: "1.0.0", type: "module", dependencies };
  writeFileSync(join(directory, "package.json"), JSON.stringify(manifest));
  writeFileSync(
    join(directory, "package-lock.json"),
    JSON.stringify({ lockfileVersion: 3, packages: { "": {} } }),
  );
  writeFileSync(join(directory, "entry.ts"), "console.log(process.argv.slice(2).join());\n");
  return {
    directory,
    run: (env = {}) =>
      spawnSync(process.execPath, ["tools/bootstrap/run.mjs", "entry.ts", "one", "two words"], {
        cwd: directory,
        encoding: "utf8",
        timeout: RUN_MS_MAX,
        env: { ...process.env, TIDEMILL_HOME: join(directory, "home"), ...env },
      }),
  };
}

function npm(directory: string, ...args: string[]): void {
  const result = spawnSync("npm", [...args, "--no-audit", "--no-fund"], {
    cwd: directory,
    encoding: "utf8",
  });
  assert.equal(result.status, 0, result.stderr);
}

describe("bootstrap", () => {
  let clone: Clone;
  before(() => {
    clone = makeClone({ part: "file:part.tgz" });
    const part = join(clone.directory, "part");
    mkdirSync(part);
    writeFileSync(join(part, "package.json"), JSON.stringify({ name: "part", version: "1.0.0" }));
    npm(clone.directory, "pack", "./part");
    cpSync(join(clone.directory, "part-1.0.0.tgz"), join(clone.directory, "part.tgz"));
    rmSync(part, { recursive: true });
    npm(clone.directory, "install", "--package-lock-only");
  });

  it("installs and goes on with the entry and its arguments", () => {
    const result = clone.run();
    assert.equal(result.stdout, "one,two words\n", result.stderr);
    assert.match(result.stderr, /npm packages installed/);
  });

  it("does not need npm the second time", () => {
    const result = clone.run({ PATH: "/nowhere", npm_execpath: "" });
    assert.equal(result.stdout, "one,two words\n", result.stderr);
    assert.equal(result.stderr, "");
  });

  const damages = [
    { name: "lost a package", paths: ["node_modules/part"] },
    {
      name: "never finished",
      paths: ["node_modules/.tidemill-installed.json", "node_modules/.package-lock.json"],
    },
  ];
  for (const { name, paths } of damages) {
    it(`repairs an install that ${name}`, () => {
      for (const path of paths) rmSync(join(clone.directory, path), { recursive: true });
      const result = clone.run();
      assert.equal(result.stdout, "one,two words\n", result.stderr);
      assert.match(result.stderr, /npm packages installed/);
      assert.ok(existsSync(join(clone.directory, "node_modules/part/package.json")));
    });
  }

  const locks = [
    { name: "whose number another process has by now", content: "1" },
    { name: "that a full disk left empty", content: "" },
  ];
  for (const { name, content } of locks) {
    it(`takes over the lock of an install ${name}`, () => {
      rmSync(join(clone.directory, "node_modules"), { recursive: true });
      writeFileSync(join(clone.directory, ".cache", "install.lock"), content);
      const result = clone.run();
      assert.equal(result.stdout, "one,two words\n", result.stderr);
      assert.match(result.stderr, /waiting for another install of this clone/);
      assert.equal(existsSync(join(clone.directory, ".cache", "install.lock")), false);
    });
  }

  it("takes over the lock of a process that is gone at once", () => {
    rmSync(join(clone.directory, "node_modules"), { recursive: true });
    const gone = spawnSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" });
    writeFileSync(join(clone.directory, ".cache", "install.lock"), gone.stdout.trim());
    const result = clone.run();
    assert.equal(result.stdout, "one,two words\n", result.stderr);
    assert.doesNotMatch(result.stderr, /waiting/);
  });

  it("does not believe an npm that ends well and leaves folders empty", () => {
    rmSync(join(clone.directory, "node_modules"), { recursive: true });
    const careless = join(tempDir("careless"), "npm-cli.cjs");
    const act = 'require("node:fs").mkdirSync("node_modules/part", { recursive: true });';
    writeFileSync(careless, act);
    const result = clone.run({ npm_execpath: careless });
    assert.equal(result.status, UNAVAILABLE, result.stderr);
    assert.match(result.stderr, /part did not come\n.*npm ci/);
    assert.equal(clone.run().stdout, "one,two words\n");
  });

  it("takes an install that a developer made with npm as it is", () => {
    rmSync(join(clone.directory, "node_modules/.tidemill-installed.json"));
    const result = clone.run({ npm_execpath: "" });
    assert.equal(result.stdout, "one,two words\n", result.stderr);
    assert.equal(result.stderr, "");
  });

  it("installs what the tools are, too, whatever the environment leaves out elsewhere", () => {
    const manifest = join(clone.directory, "package.json");
    writeFileSync(
      manifest,
      readFileSync(manifest, "utf8").replace("dependencies", "devDependencies"),
    );
    npm(clone.directory, "install", "--package-lock-only");
    rmSync(join(clone.directory, "node_modules"), { recursive: true });
    const result = clone.run({ NODE_ENV: "production", npm_config_omit: "dev" });
    assert.equal(result.stdout, "one,two words\n", result.stderr);
    assert.ok(existsSync(join(clone.directory, "node_modules/part/package.json")));
  });

  it("names a registry that does not answer", () => {
    const lonely = makeClone({ absent: "1.0.0" });
    const lock = {
      name: "clone",
      version: "1.0.0",
      lockfileVersion: 3,
      requires: true,
      packages: {
        "": { name: "clone", version: "1.0.0", dependencies: { absent: "1.0.0" } },
        "node_modules/absent": { version: "1.0.0", integrity: "sha512-x" },
      },
    };
    writeFileSync(join(lonely.directory, "package-lock.json"), JSON.stringify(lock));
    const result = lonely.run({
      npm_config_registry: "http://127.0.0.1:9/",
      npm_config_cache: join(lonely.directory, "cache"),
    });
    assert.equal(result.status, UNAVAILABLE);
    assert.match(result.stderr, /registry does not answer:.*ECONNREFUSED.*next: check/s);
  });

  it("names a missing Python and what to install", () => {
    const bare = makeClone({});
    const path = join(bare.directory, "bin");
    mkdirSync(path);
    symlinkSync(process.execPath, join(path, "node"));
    const result = bare.run({ PATH: path });
    assert.equal(result.status, UNAVAILABLE);
    assert.match(result.stderr, /Python >= 3\.10 with pip is needed: none was found/);
    assert.match(result.stderr, /next: install python3 and python3-pip/);
  });

  it("names a home that cannot be written", { skip: isRoot() && "root may write anywhere" }, () => {
    const result = makeClone({}).run({ TIDEMILL_HOME: "/proc/tidemill" });
    assert.equal(result.status, UNAVAILABLE);
    assert.match(result.stderr, /the home of the mesh, \/proc\/tidemill .* cannot be written/);
  });

  it("says when npm is not there", () => {
    const bare = makeClone({});
    const found = spawnSync("python3", ["-c", "import sys; print(sys.executable)"]);
    const result = bare.run({
      PATH: "/nowhere",
      npm_execpath: "",
      TIDEMILL_PYTHON: found.stdout.toString().trim(),
    });
    assert.equal(result.status, UNAVAILABLE);
    assert.match(result.stderr, /npm is not on PATH/);
  });
});

function isRoot(): boolean {
  return process.getuid?.() === 0;
}
