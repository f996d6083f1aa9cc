import { COMPONENTS_MAX } from "./limits.ts";
import {
  describe,
  type Item,
  isSet,
  messageShape,
  type Reading,
  readMap,
  readMessage,
  refuse,
  warn,
} from "./spec-reader.ts";

const PLATFORM_SPEC = messageShape("the platform specification", ["platforms"]);
const PLATFORM = messageShape("a platform", [
  "deploymentSpec",
  "platform",
  "config",
  "pipelineConfig",
]);
const DEPLOYMENT = messageShape("deploymentSpec", ["executors"]);
const PLATFORMS_MAX = 16;
const SETTINGS_MAX = 100;

/** Settings of a task without which it would do something else. */
const REFUSED_SETTINGS: ReadonlyMap<string, string> = new Map([
  ["secretAsEnv", "secrets (kubernetes.use_secret_as_env)"],
  ["secretAsVolume", "secrets (kubernetes.use_secret_as_volume)"],
  ["configMapAsEnv", "config maps (kubernetes.use_config_map_as_env)"],
  ["configMapAsVolume", "config maps (kubernetes.use_config_map_as_volume)"],
  ["pvcMount", "volumes (kubernetes.mount_pvc)"],
  ["genericEphemeralVolume", "volumes (kubernetes.add_ephemeral_volume)"],
  ["emptyDirMounts", "volumes (kubernetes.empty_dir_mount)"],
  ["fieldPathAsEnv", "fields of the pod (kubernetes.use_field_path_as_env)"],
  ["activeDeadlineSeconds", "time limits (kubernetes.set_timeout)"],
  ["initContainers", "init containers"],
]);

/** Settings about where and how a pod runs: without pods there is nothing to set. */
const IGNORED_SETTINGS: ReadonlySet<string> = new Set([
  "nodeSelector",
  "podMetadata",
  "imagePullSecret",
  "imagePullPolicy",
  "tolerations",
  "nodeAffinity",
  "podAffinity",
  "enabledSharedMemory",
  "securityContext",
]);

const REFUSED_PIPELINE_CONFIG: ReadonlyMap<string, string> = new Map([
  ["workspace", "workspaces (dsl.WorkspaceConfig)"],
  ["activeDeadlineSeconds", "a time limit of the run (active_deadline_seconds)"],
  ["semaphoreKey", "semaphores (semaphore_key)"],
  ["mutexName", "mutexes (mutex_name)"],
]);

const IGNORED_PIPELINE_CONFIG: ReadonlySet<string> = new Set([
  "resourceTtl",
  "resourceTtlOnCompletion",
  "resourceTtlOnSuccess",
  "resourceTtlOnFailure",
]);

/** The second document: refuses what would change results, warns about what has no meaning here. */
export function readPlatforms(item: Item, reading: Reading): void {
  const fields = readMessage(item, PLATFORM_SPEC, reading);
  for (const [name, platform] of readMap(fields.get("platforms"), "platforms", PLATFORMS_MAX)) {
    if (name === "kubernetes") readKubernetes(platform, reading);
    else warn(reading, "PLATFORM_IGNORED", `settings for platform ${describe(name)} are ignored`);
  }
}

function readKubernetes(item: Item, reading: Reading): void {
  const fields = readMessage(item, PLATFORM, reading);
  for (const [key, setting] of readMap(fields.get("pipelineConfig"), "settings", SETTINGS_MAX)) {
    if (!isSet(setting)) continue;
    const name = camelCase(key);
    if (IGNORED_PIPELINE_CONFIG.has(name)) warnIgnored(reading, "the pipeline", name);
    else refuse(reading, setting.at, REFUSED_PIPELINE_CONFIG.get(name) ?? describe(name));
  }
  const deployment = fields.get("deploymentSpec");
  if (!isSet(deployment)) return;
  const executors = readMessage(deployment, DEPLOYMENT, reading).get("executors");
  for (const [label, executor] of readMap(executors, "executors", COMPONENTS_MAX)) {
    for (const [key, setting] of readMap(executor, "settings", SETTINGS_MAX)) {
      if (!isSet(setting)) continue;
      const name = camelCase(key);
      if (IGNORED_SETTINGS.has(name)) warnIgnored(reading, `executor ${describe(label)}`, name);
      else refuse(reading, setting.at, REFUSED_SETTINGS.get(name) ?? describe(name));
    }
  }
}

function warnIgnored(reading: Reading, whose: string, name: string): void {
  warn(
    reading,
    "PLATFORM_SETTING_IGNORED",
    `"${name}" of ${whose} is ignored: tasks run as processes, not as pods`,
  );
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
