import type { Rule } from "./rule.ts";
import { environment } from "./rules/environment.ts";
import { handlers } from "./rules/handlers.ts";
import { layerGraph } from "./rules/layer-graph.ts";
import { leftovers } from "./rules/leftovers.ts";
import { migrations } from "./rules/migrations.ts";
import { names } from "./rules/names.ts";
import { orphanFiles } from "./rules/orphan-files.ts";
import { readmes } from "./rules/readmes.ts";
import { roomGraph } from "./rules/room-graph.ts";
import { serviceAnatomy } from "./rules/service-anatomy.ts";
import { fileLength, functionSize, lineLength } from "./rules/size-limits.ts";
import { testWaits } from "./rules/test-waits.ts";
import { words } from "./rules/words.ts";

/** Everything that tidy looks at. */
export const rules: readonly Rule[] = [
  layerGraph,
  roomGraph,
  serviceAnatomy,
  fileLength,
  functionSize,
  lineLength,
  orphanFiles,
  readmes,
  migrations,
  words,
  names,
  environment,
  handlers,
  testWaits,
  leftovers,
];
