export { type HomeLayout, homeLayout } from "./home/home-layout.ts";
export { removeHome } from "./home/remove-home.ts";
export { reaperScript } from "./reaper/reaper.ts";
export * from "./supervisor/doctor.ts";
export type { Mesh } from "./supervisor/mesh.ts";
export * from "./supervisor/mesh-status.ts";
export type {
  MeshUrls,
  ProcessName,
  ProcessRecord,
  ProcessState,
  RunRecord,
} from "./supervisor/run-record.ts";
export { startDetached } from "./supervisor/start-detached.ts";
export { type StartMeshOptions, startMesh } from "./supervisor/start-mesh.ts";
export { type StopOutcome, stopMesh } from "./supervisor/stop-mesh.ts";
