import {
  createRegistry,
  type DescFile,
  type DescMessage,
  type Registry,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

/** Everything reflection is asked about: files by name and by symbol, extensions by number. */
export interface DescriptorIndex {
  /** The file and all it imports, importing files first; undefined when there is none. */
  fileByName(name: string): Uint8Array[] | undefined;
  fileBySymbol(symbol: string): Uint8Array[] | undefined;
  fileByExtension(extendee: string, number: number): Uint8Array[] | undefined;
  extensionNumbers(extendee: string): number[] | undefined;
}

export function indexDescriptors(roots: readonly DescFile[]): DescriptorIndex {
  const files = new Map<string, DescFile>();
  for (const file of roots) collect(file, files);
  const registry = createRegistry(...files.values());
  const symbols = new Map<string, DescFile>();
  for (const type of registry) addSymbols(type, symbols);
  const encoded = new Map<DescFile, Uint8Array>();

  function withImports(file: DescFile | undefined): Uint8Array[] | undefined {
    if (file === undefined) return undefined;
    const wanted = new Map<string, DescFile>();
    collect(file, wanted);
    return [...wanted.values()].map((each) => {
      const bytes = encoded.get(each) ?? toBinary(FileDescriptorProtoSchema, each.proto);
      encoded.set(each, bytes);
      return bytes;
    });
  }

  const extensionsOf = (extendee: string) =>
    [...registry].filter(
      (type) => type.kind === "extension" && type.extendee.typeName === extendee,
    );

  return {
    fileByName: (name) => withImports(files.get(name)),
    fileBySymbol: (symbol) => withImports(symbols.get(symbol)),
    fileByExtension: (extendee, number) => {
      const found = extensionsOf(extendee).find(
        (type) => type.kind === "extension" && type.number === number,
      );
      return withImports(found?.file);
    },
    extensionNumbers(extendee) {
      if (registry.getMessage(extendee) === undefined) return undefined;
      return extensionsOf(extendee).flatMap((type) =>
        type.kind === "extension" ? [type.number] : [],
      );
    },
  };
}

/** `file.name` lacks the suffix that the wire has. */
function collect(file: DescFile, into: Map<string, DescFile>): void {
  if (into.has(file.proto.name)) return;
  into.set(file.proto.name, file);
  for (const imported of file.dependencies) collect(imported, into);
}

type Type = Registry extends Iterable<infer T> ? T : never;

function addSymbols(type: Type, symbols: Map<string, DescFile>): void {
  symbols.set(type.typeName, type.file);
  if (type.kind === "service") {
    for (const method of type.methods) symbols.set(`${type.typeName}.${method.name}`, type.file);
  }
  if (type.kind === "message") addMembers(type, symbols);
  if (type.kind === "enum") {
    const scope = type.typeName.slice(0, type.typeName.lastIndexOf(".") + 1);
    for (const value of type.values) symbols.set(`${scope}${value.name}`, type.file);
  }
}

function addMembers(message: DescMessage, symbols: Map<string, DescFile>): void {
  for (const field of message.fields)
    symbols.set(`${message.typeName}.${field.name}`, message.file);
  for (const oneof of message.oneofs)
    symbols.set(`${message.typeName}.${oneof.name}`, message.file);
}
