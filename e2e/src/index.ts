export * from "./test-mesh.ts";
