import { access, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { tools } from "@tidemill/testing";
import { root } from "./root.ts";
import { runProcess } from "./run-process.ts";

/** The compiler that the examples are made with; 2.17.3's own dependencies do not resolve. */
const KFP_VERSION = "2.17.0";

/** What the `kfp` script does; installed with --target there is none on PATH. */
const START = "from kfp.cli.__main__ import main; main()";

export interface Compiler {
  readonly python: string;
  /** Goes into PYTHONPATH. */
  readonly packages: string;
}

/** Where folders with a pipeline.py and its pipeline.yaml are. */
const places = ["examples", "e2e/pipelines"];

/** Every folder with a pipeline, relative to the root. */
export async function pipelineFolders(): Promise<string[]> {
  const folders: string[] = [];
  for (const place of places) {
    for (const name of (await readdir(join(root, place))).sort()) {
      if (await exists(join(root, place, name, "pipeline.py"))) folders.push(`${place}/${name}`);
    }
  }
  return folders;
}

/**
 * The compiler in a directory of its own beside the downloaded tools, made once by pip, whose
 * settings (index, certificate, proxy) count. It is made under another name first, so that one that
 * is half done is never used.
 */
export async function prepareCompiler(progress: (line: string) => void): Promise<Compiler> {
  const { uv, python } = await tools();
  const cache = dirname(dirname(dirname(dirname(uv))));
  const packages = join(cache, `kfp-compiler-${KFP_VERSION}-${python.version}`);
  const compiler = { python: python.path, packages };
  if (await exists(packages)) return compiler;
  progress(`downloading kfp ${KFP_VERSION} and what it needs`);
  const building = `${packages}.${process.pid}`;
  const pip = [python.path, "-m", "pip", "install", "--quiet", "--no-input"];
  await must([...pip, "--target", building, `kfp==${KFP_VERSION}`], {});
  await rename(building, packages).catch(() => rm(building, { recursive: true }));
  return compiler;
}

/** Compiles the pipeline that a folder is named after and returns the text. */
export async function compileExample(
  compiler: Compiler,
  folder: string,
  output: string,
): Promise<string> {
  const source = join(root, folder, "pipeline.py");
  const pipeline = basename(folder).replaceAll("-", "_");
  await must(
    [
      compiler.python,
      "-c",
      START,
      "dsl",
      "compile",
      "--py",
      source,
      "--output",
      output,
      "--function",
      pipeline,
    ],
    { PYTHONDONTWRITEBYTECODE: "1", PYTHONPATH: compiler.packages },
  );
  return readFile(output, "utf8");
}

async function must(argv: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  const { exitCode, output } = await runProcess(argv, { env });
  if (exitCode !== 0) throw new Error(`${argv.slice(0, 3).join(" ")} failed: ${output.trim()}`);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
