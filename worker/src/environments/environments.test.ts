import assert from "node:assert/strict";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { silentLogger } from "@tidemill/telemetry";
import { python, tempDir } from "@tidemill/testing";
import { buildEnvironment } from "./build-environment.ts";
import { chooseInterpreter, isOfVersion } from "./choose-interpreter.ts";
import { environmentSpec } from "./environment-spec.ts";
import { Environments } from "./environments.ts";
import { withFileLock } from "./file-lock.ts";
import { installsKfp, noInstall, parseInstallScript } from "./install-script.ts";
import { installerSettings, parsePipConfig, pipVariables } from "./pip-settings.ts";

const scriptOf = (commands: string) => `
if ! [ -x "$(command -v pip)" ]; then
    python3 -m ensurepip || python3 -m ensurepip --user || apt-get install python3-pip
fi

PIP_DISABLE_PIP_VERSION_CHECK=1 ${commands} && "$0" "$@"
`;
const pip = "python3 -m pip install --quiet --no-warn-script-location";
const kfp = `'kfp==2.15.2' '--no-deps' 'typing-extensions>=3.7.4,<5; python_version<"3.9"'`;

describe("the install script of the KFP SDK", () => {
  it("asks for nothing when it only wants its own kfp", () => {
    assert.deepEqual(parseInstallScript(scriptOf(`${pip} ${kfp}`)), noInstall);
  });

  it("names the user's packages, quoted in any way", () => {
    const plan = parseInstallScript(
      scriptOf(`${pip} 'scikit-learn==1.5.0' "it's; python_version<'4'"  &&  ${pip} ${kfp}`),
    );
    assert.deepEqual(plan?.steps, [
      { requirements: ["scikit-learn==1.5.0", "it's; python_version<'4'"], noDeps: false },
    ]);
  });

  it("takes index options, whole URLs as trusted hosts too", () => {
    const options =
      "--index-url https://one/simple --extra-index-url https://two:8443/simple " +
      "--trusted-host https://one/simple --trusted-host two";
    assert.deepEqual(parseInstallScript(scriptOf(`${pip} ${options} 'x'`))?.index, {
      indexUrl: "https://one/simple",
      extraIndexUrls: ["https://two:8443/simple"],
      trustedHosts: ["one", "two"],
    });
  });

  for (const requirement of ["kfp", "kfp==2.7.0", "KFP[kubernetes]>=2"]) {
    it(`really installs the user's own ${requirement}`, () => {
      const plan = parseInstallScript(scriptOf(`${pip} '${requirement}'`));
      assert.deepEqual(plan?.steps, [{ requirements: [requirement], noDeps: false }]);
      assert.equal(installsKfp(plan), true);
    });
  }

  it("takes kfp-kubernetes for another package than kfp", () => {
    const plan = parseInstallScript(scriptOf(`${pip} 'kfp-kubernetes==1' && ${pip} ${kfp}`));
    assert.equal(plan && installsKfp(plan), false);
  });

  for (const script of [
    `${pip} -r requirements.txt`,
    "echo 'open",
    "echo hello",
    "pip install x",
  ]) {
    it(`leaves alone what it does not know: ${script}`, () => {
      assert.equal(parseInstallScript(script), undefined);
    });
  }
});

describe("the choice of an interpreter", () => {
  const machine = ["3.9.18", "3.11.2", "3.11.7", "3.13.0"].map((version) => ({
    path: `/python/${version}`,
    version,
  }));
  const cases: readonly [string, string, boolean][] = [
    ["3.11", "3.11.7", true],
    ["3.10", "3.11.7", false],
    ["3.12", "3.13.0", false],
    ["3.14", "3.13.0", false],
    ["3.6", "3.9.18", false],
  ];
  for (const [wanted, version, isExact] of cases) {
    it(`serves ${wanted} with ${version}`, () => {
      const choice = chooseInterpreter(machine, wanted);
      assert.equal(choice?.version, version);
      assert.equal(isOfVersion(version, wanted), isExact);
    });
  }

  it("finds none on a machine that has none", () => {
    assert.equal(chooseInterpreter([], "3.11"), undefined);
  });
});

describe("an environment's digest", () => {
  const interpreter = { path: "/python", version: "3.11.7" };
  const planOf = (...requirements: string[]) => ({
    ...noInstall,
    steps: [{ requirements, noDeps: false }],
  });

  it("does not depend on the order of requirements", () => {
    const one = environmentSpec(interpreter, planOf("a", "b"), "kfp.whl");
    assert.equal(one.digest, environmentSpec(interpreter, planOf("b", "a "), "kfp.whl").digest);
  });

  it("depends on Python, requirements, index and the kfp wheel", () => {
    const plan = planOf("a");
    const other = { ...plan, index: { ...plan.index, indexUrl: "https://one" } };
    const digests = [
      environmentSpec(interpreter, plan, "kfp.whl"),
      environmentSpec({ ...interpreter, version: "3.12.1" }, plan, "kfp.whl"),
      environmentSpec(interpreter, planOf("a", "b"), "kfp.whl"),
      environmentSpec(interpreter, other, "kfp.whl"),
      environmentSpec(interpreter, plan, "kfp2.whl"),
    ].map((spec) => spec.digest);
    assert.equal(new Set(digests).size, digests.length);
  });
});

describe("pip's settings", () => {
  it("reach uv as flags and variables, the environment's above the file's", () => {
    const settings = parsePipConfig(`
:env:.cert='/certs/ca.pem'
:env:.default-timeout='180'
global.cert='/other.pem'
global.extra-index-url='\\nhttps://two/simple\\nhttps://three/simple'
global.index-url='https://one/simple'
install.trusted-host='one two'
install.find-links='/wheels'
global.proxy="http://proxy:3128"
`);
    assert.deepEqual(installerSettings(settings), {
      flags: ["--allow-insecure-host", "one", "--allow-insecure-host", "two"],
      indexUrl: "https://one/simple",
      extraIndexUrls: ["https://two/simple", "https://three/simple"],
      env: {
        UV_FIND_LINKS: "/wheels",
        HTTPS_PROXY: "http://proxy:3128",
        HTTP_PROXY: "http://proxy:3128",
        ALL_PROXY: "http://proxy:3128",
        SSL_CERT_FILE: "/certs/ca.pem",
        UV_HTTP_TIMEOUT: "180",
      },
    });
  });

  it("reach uv without a password in its arguments, which every user of a machine can read", async () => {
    const settings = installerSettings(
      new Map([
        ["index-url", "https://me:secret1@one/simple"],
        ["extra-index-url", "https://me:secret2@two/simple"],
        ["find-links", "https://me:secret3@wheels/"],
      ]),
    );
    const calls: { args: readonly string[]; env: Readonly<Record<string, string>> }[] = [];
    const uv = async (args: readonly string[], variables = {}) => {
      calls.push({ args, env: { ...settings.env, ...variables } });
    };
    const plan = {
      steps: [{ requirements: ["x"], noDeps: false }],
      index: { ...noInstall.index, extraIndexUrls: ["https://me:secret4@three/simple"] },
    };
    const spec = environmentSpec({ path: "/no/python", version: "3.11.7" }, plan, "kfp.whl");
    const directory = join(tempDir("environment"), "made");
    await buildEnvironment({ uv, kfpWheel: "/kfp.whl", settings }, spec, directory);
    assert.doesNotMatch(calls.flatMap(({ args }) => args).join(" "), /secret/);
    const install = calls.find(({ args }) => args.includes("x"));
    assert.equal(install?.env.UV_DEFAULT_INDEX, "https://me:secret1@one/simple");
    const indexes = "https://me:secret2@two/simple https://me:secret4@three/simple";
    assert.equal(install?.env.UV_INDEX, indexes);
    assert.equal(install?.env.UV_FIND_LINKS, "https://me:secret3@wheels/");
    assert.ok(install?.args.join(" ").includes("--index-strategy unsafe-best-match"));
  });

  it("come from variables where there is no pip to ask", () => {
    const settings = pipVariables({
      PIP_INDEX_URL: "https://one",
      PIP_DEFAULT_TIMEOUT: "9",
      X: "",
    });
    assert.deepEqual(
      [...settings],
      [
        ["index-url", "https://one"],
        ["timeout", "9"],
      ],
    );
  });
});

describe("what a build that was killed has left", () => {
  it("is removed, and what is whole or being made stays", async () => {
    const interpreter = await python();
    const directory = tempDir("environments");
    const environments = new Environments({
      directory,
      uv: "/no/uv",
      kfpWheel: "/kfp.whl",
      python: interpreter,
      env: {},
      run: () => assert.fail("nothing is to be made"),
      log: silentLogger,
    });
    for (const name of ["half", "whole", "busy"]) {
      mkdirSync(join(directory, name, "bin"), { recursive: true });
      writeFileSync(join(directory, name, "bin", "python"), "");
      writeFileSync(join(directory, `${name}.lock`), "");
    }
    writeFileSync(join(directory, "whole", "ready.json"), '{"python":"3.11.7"}');
    await withFileLock(interpreter, join(directory, "busy.lock"), () => environments.sweep());
    assert.deepEqual(readdirSync(directory).sort(), ["busy", "whole"]);
  });
});
