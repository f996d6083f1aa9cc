const HEAD = "\nimport kfp\nfrom kfp import dsl\nfrom kfp.dsl import *\nfrom typing import *\n\n";
const PIP = "python3 -m pip install --quiet --no-warn-script-location";
const OWN_KFP = `'kfp==2.17.0' '--no-deps' 'typing-extensions>=3.7.4,<5; python_version<"3.9"'`;
const RUN_SCRIPT = `program_path=$(mktemp -d)

printf "%s" "$0" > "$program_path/ephemeral_component.py"
_KFP_RUNTIME=true python3 -m kfp.dsl.executor_main                         --component_module_path                         "$program_path/ephemeral_component.py"                         "$@"
`;

/** The command that the KFP SDK compiles a lightweight component to. */
export function componentCommand(source: string, packages: readonly string[] = []): string[] {
  const quoted = packages.map((name) => `'${name}'`).join(" ");
  const user = packages.length > 0 ? `${PIP} ${quoted}  &&  ` : "";
  const install = `
if ! [ -x "$(command -v pip)" ]; then
    python3 -m ensurepip || python3 -m ensurepip --user || apt-get install python3-pip
fi

PIP_DISABLE_PIP_VERSION_CHECK=1 ${user}${PIP} ${OWN_KFP} && "$0" "$@"
`;
  return ["sh", "-c", install, "sh", "-ec", RUN_SCRIPT, `${HEAD}${source}`];
}

/** The arguments that go with it, for a component without inputs. */
export function componentArgs(outputs: { readonly outputFile: string }): string[] {
  const input = { inputs: { parameterValues: {} }, outputs };
  return ["--executor_input", JSON.stringify(input), "--function_to_execute", "step"];
}
