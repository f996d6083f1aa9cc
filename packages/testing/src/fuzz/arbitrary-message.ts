import {
  create,
  type DescField,
  type DescMessage,
  type Message,
  type MessageInitShape,
  ScalarType,
} from "@bufbuild/protobuf";
import fc from "fast-check";
import { isNeeded, obeys } from "./field-rules.ts";

export interface MessageOptions {
  /** Texts that this service understands, so that calls get past validation: ids, names, states. */
  readonly dictionary?: readonly string[];
  /** How deep messages nest in messages. */
  readonly depthMax?: number;
}

const DEPTH_MAX = 4;
const ITEMS_MAX = 4;
const LONG_TEXT_LENGTH = 20_000;

const plausibleTexts = [
  "",
  "default",
  "kubeflow",
  "01890a5d-ac96-774b-bcce-b302099a8057",
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "stdout",
  "name",
  "{}",
  '"text"',
  "1",
];

const hostileTexts = [
  "../../../../etc/passwd",
  "/",
  "\0",
  "a\0b",
  "'; drop table runs; --",
  "%00%ff",
  "\u202e\u0000\ud83d\ude00",
  "ÅÄÖ",
  "\r\nx-injected: 1",
  "{{$.inputs.parameters['x']}}",
  "[".repeat(5_000),
  "x".repeat(LONG_TEXT_LENGTH),
  "-1",
  "NaN",
  "__proto__",
  "constructor",
];

/**
 * Any message of a type: every kind of field, hostile texts, numbers at their ends. Two of three
 * obey the rules in the .proto where they can, so that calls get past validation to the code
 * behind it.
 */
export function arbitraryMessage(
  schema: DescMessage,
  options: MessageOptions = {},
): fc.Arbitrary<Message> {
  const depth = options.depthMax ?? DEPTH_MAX;
  const dictionary = [...plausibleTexts, ...(options.dictionary ?? [])];
  const obedient = arbitraryInit(schema, { depth, dictionary, obedient: true });
  const wild = arbitraryInit(schema, { depth, dictionary, obedient: false });
  return fc
    .oneof({ weight: 2, arbitrary: obedient }, { weight: 1, arbitrary: wild })
    .map((init) => create(schema, init));
}

type Init = MessageInitShape<DescMessage>;

interface Mode {
  readonly depth: number;
  readonly dictionary: readonly string[];
  readonly obedient: boolean;
}

function arbitraryInit(schema: DescMessage, mode: Mode): fc.Arbitrary<Init> {
  const shape: Record<string, fc.Arbitrary<unknown>> = {};
  for (const field of schema.fields) {
    if (field.oneof !== undefined) continue;
    const value = arbitraryField(field, mode);
    if (value !== undefined) shape[field.localName] = optional(field, value, mode);
  }
  for (const oneof of schema.oneofs) {
    const members = oneof.fields.flatMap((field) => {
      const value = arbitraryField(field, mode);
      return value === undefined
        ? []
        : [value.map((set) => ({ case: field.localName, value: set }))];
    });
    const none = fc.constant({ case: undefined });
    shape[oneof.localName] = members.length === 0 ? none : fc.oneof(none, ...members, ...members);
  }
  return fc.record(shape);
}

function optional(
  field: DescField,
  value: fc.Arbitrary<unknown>,
  { obedient }: Mode,
): fc.Arbitrary<unknown> {
  if (obedient && isNeeded(field)) return value;
  return fc.option(value, { nil: undefined, freq: 4 });
}

/** Undefined where messages would nest too deep. */
function arbitraryField(field: DescField, mode: Mode): fc.Arbitrary<unknown> | undefined {
  switch (field.fieldKind) {
    case "scalar":
      return arbitraryScalar(field.scalar, textOf(field, mode), numberOf(field, mode));
    case "enum":
      return arbitraryEnum(field.enum.values.map(({ number }) => number));
    case "message":
      return arbitraryNested(field.message, mode);
    case "list": {
      const item = arbitraryItem(field, mode);
      return item && fc.array(item, { maxLength: ITEMS_MAX });
    }
    case "map": {
      const item = arbitraryItem(field, mode);
      const key = arbitraryScalar(field.mapKey, anyText(mode)).map(String);
      return item && fc.dictionary(key, item, { maxKeys: ITEMS_MAX });
    }
  }
}

function arbitraryNested(message: DescMessage, mode: Mode): fc.Arbitrary<unknown> | undefined {
  return mode.depth <= 0 ? undefined : arbitraryInit(message, { ...mode, depth: mode.depth - 1 });
}

function arbitraryItem(
  field: DescField & { fieldKind: "list" | "map" },
  mode: Mode,
): fc.Arbitrary<unknown> | undefined {
  if (field.message !== undefined) return arbitraryNested(field.message, mode);
  if (field.enum !== undefined) return arbitraryEnum(field.enum.values.map(({ number }) => number));
  return arbitraryScalar(field.scalar, textOf(field, mode));
}

function anyText({ dictionary }: Mode): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...dictionary) },
    { weight: 1, arbitrary: fc.constantFrom(...hostileTexts) },
    { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 40 }) },
  );
}

function textOf(field: DescField, mode: Mode): fc.Arbitrary<string> {
  if (!mode.obedient) return anyText(mode);
  const fitting = [...mode.dictionary, ...hostileTexts].filter((text) => obeys(field, text));
  return fitting.length === 0 ? anyText(mode) : fc.constantFrom(...fitting);
}

/** In obedience most numbers are small and positive, as ids, sizes and offsets are. */
function numberOf(field: DescField, { obedient }: Mode): fc.Arbitrary<number> | undefined {
  return obedient && isNeeded(field) ? fc.integer({ min: 1, max: 12 }) : undefined;
}

function arbitraryEnum(numbers: readonly number[]): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...numbers) },
    { weight: 1, arbitrary: fc.constantFrom(-1, 999, 2 ** 31 - 1, -(2 ** 31)) },
  );
}

const small32 = fc.integer({ min: 0, max: 12 });
const small64 = fc.bigInt({ min: 0n, max: 12n });

function arbitraryScalar(
  type: ScalarType,
  text: fc.Arbitrary<string>,
  number: fc.Arbitrary<number> = fc.oneof({ weight: 4, arbitrary: small32 }, fc.integer()),
): fc.Arbitrary<unknown> {
  switch (type) {
    case ScalarType.STRING:
      return text;
    case ScalarType.BYTES:
      return fc.oneof(fc.uint8Array({ maxLength: 64 }), fc.constant(new Uint8Array(70_000)));
    case ScalarType.BOOL:
      return fc.boolean();
    case ScalarType.DOUBLE:
      return fc.double();
    case ScalarType.FLOAT:
      return fc.float();
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return fc.oneof(
        { weight: 6, arbitrary: number },
        { weight: 1, arbitrary: fc.constantFrom(-(2 ** 31), 2 ** 31 - 1) },
      );
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return fc.oneof(small32, fc.integer({ min: 0, max: 2 ** 32 - 1 }));
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return fc.oneof(small64, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return fc.oneof(
        { weight: 4, arbitrary: small64 },
        { weight: 1, arbitrary: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) },
        { weight: 1, arbitrary: fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n) },
      );
  }
}
