import {
  create,
  type DescService,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "@tidemill/proto/grpc/reflection/v1/reflection_pb.ts";
import {
  type ServerReflectionRequest as AlphaRequest,
  ServerReflectionRequestSchema as AlphaRequestSchema,
  ServerReflectionResponseSchema as AlphaResponseSchema,
  ServerReflection as ServerReflectionAlpha,
} from "@tidemill/proto/grpc/reflection/v1alpha/reflection_pb.ts";
import { ErrorInfoSchema } from "@tidemill/proto/tidemill/common/v1/errors_pb.ts";
import { type DescriptorIndex, indexDescriptors } from "./descriptor-index.ts";
import { bind, type ServiceBinding } from "./service-binding.ts";

type Answer = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]
>;

/** grpc.reflection v1 and v1alpha over the given services and over itself. */
export function createReflection(services: readonly DescService[]): readonly ServiceBinding[] {
  const all = [...services, ServerReflection, ServerReflectionAlpha];
  const names = all.map((service) => ({ name: service.typeName }));
  // No method mentions the detail that errors carry, and clients want to read it all the same.
  const index = indexDescriptors([...all.map(({ file }) => file), ErrorInfoSchema.file]);

  function respond(originalRequest: ServerReflectionRequest) {
    const { host: validHost } = originalRequest;
    const messageResponse = answer(originalRequest);
    return create(ServerReflectionResponseSchema, { validHost, originalRequest, messageResponse });
  }

  async function* info(requests: AsyncIterable<ServerReflectionRequest>) {
    for await (const request of requests) yield respond(request);
  }

  /** Both versions are the same on the wire. */
  async function* infoAlpha(requests: AsyncIterable<AlphaRequest>) {
    for await (const request of requests) {
      const bytes = toBinary(AlphaRequestSchema, request);
      const response = respond(fromBinary(ServerReflectionRequestSchema, bytes));
      yield fromBinary(AlphaResponseSchema, toBinary(ServerReflectionResponseSchema, response));
    }
  }

  function answer({ messageRequest }: ServerReflectionRequest): Answer {
    switch (messageRequest.case) {
      case "listServices":
        return { case: "listServicesResponse", value: { service: names } };
      case "fileByFilename":
        return files(index.fileByName(messageRequest.value), `file "${messageRequest.value}"`);
      case "fileContainingSymbol":
        return files(index.fileBySymbol(messageRequest.value), `symbol "${messageRequest.value}"`);
      case "fileContainingExtension":
        return extensionFile(index, messageRequest.value);
      case "allExtensionNumbersOfType":
        return extensionNumbers(index, messageRequest.value);
      case undefined:
        return failure(Code.InvalidArgument, "the request asks for nothing");
    }
  }

  return [
    bind(ServerReflection, { serverReflectionInfo: info }),
    bind(ServerReflectionAlpha, { serverReflectionInfo: infoAlpha }),
  ];
}

function extensionFile(
  index: DescriptorIndex,
  { containingType, extensionNumber }: { containingType: string; extensionNumber: number },
): Answer {
  const found = index.fileByExtension(containingType, extensionNumber);
  return files(found, `extension ${extensionNumber} of "${containingType}"`);
}

function extensionNumbers(index: DescriptorIndex, baseTypeName: string): Answer {
  const extensionNumber = index.extensionNumbers(baseTypeName);
  if (extensionNumber === undefined) return failure(Code.NotFound, `no type "${baseTypeName}"`);
  return { case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber } };
}

function files(fileDescriptorProto: Uint8Array[] | undefined, what: string): Answer {
  if (fileDescriptorProto === undefined) return failure(Code.NotFound, `${what} was not found`);
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function failure(errorCode: Code, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
