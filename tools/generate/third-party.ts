import { mkdirSync, writeFileSync } from "node:fs";
import { file_buf_validate_validate } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { printProto } from "./print-proto.ts";

mkdirSync("third_party/buf/validate", { recursive: true });
writeFileSync(
  "third_party/buf/validate/validate.proto",
  printProto(file_buf_validate_validate.proto),
);
