import { EVENT_ID, type Event, getScalarValue, parseEvents } from "js-yaml";
import type { PathSegments } from "../domain/spec-error.ts";
import { DOCUMENT_DEPTH_MAX } from "./parse-text.ts";

/**
 * The line, counted from 1, where a path of a YAML text stands, or the nearest one above it that
 * is there. Undefined when not even its first key is. A key is found in either case.
 */
export function findLine(text: string, path: PathSegments): number | undefined {
  // The parser counts the document, too.
  const events = parseEvents(text, { maxDepth: DOCUMENT_DEPTH_MAX + 1 });
  let best: Found = { depth: 0, position: undefined };
  for (const [index, event] of events.entries()) {
    if (event.type !== EVENT_ID.DOCUMENT) continue;
    const found = follow(text, events, index + 1, path);
    if (found.depth > best.depth) best = found;
  }
  return best.position === undefined ? undefined : lineAt(text, best.position);
}

interface Found {
  /** How many segments of the path are there. */
  readonly depth: number;
  readonly position: number | undefined;
}

function follow(text: string, events: readonly Event[], from: number, path: PathSegments): Found {
  let at = from;
  let position: number | undefined;
  for (const [depth, segment] of path.entries()) {
    const event = events[at];
    const next =
      event?.type === EVENT_ID.MAPPING
        ? findKey(text, events, at + 1, String(segment))
        : event?.type === EVENT_ID.SEQUENCE && typeof segment === "number"
          ? findItem(events, at + 1, segment)
          : undefined;
    if (next === undefined) return { depth, position };
    at = next.at;
    position = next.position;
  }
  return { depth: path.length, position };
}

interface Next {
  /** Index of the event that begins the value. */
  readonly at: number;
  readonly position: number | undefined;
}

function findKey(
  text: string,
  events: readonly Event[],
  from: number,
  key: string,
): Next | undefined {
  const snake = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  let at = from;
  for (;;) {
    const event = events[at];
    if (event === undefined || event.type === EVENT_ID.POP) return undefined;
    const value = skip(events, at);
    if (event.type === EVENT_ID.SCALAR) {
      const found = getScalarValue(text, event);
      if (found === key || found === snake) return { at: value, position: event.valueStart };
    }
    at = skip(events, value);
  }
}

function findItem(events: readonly Event[], from: number, index: number): Next | undefined {
  let at = from;
  for (let passed = 0; ; passed++) {
    const event = events[at];
    if (event === undefined || event.type === EVENT_ID.POP) return undefined;
    if (passed === index) return { at, position: startOf(event) };
    at = skip(events, at);
  }
}

function startOf(event: Event): number | undefined {
  if (event.type === EVENT_ID.SCALAR) return event.valueStart;
  if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE) return event.start;
  return undefined;
}

/** Index after the node that begins at an event. */
function skip(events: readonly Event[], from: number): number {
  let open = 0;
  let at = from;
  do {
    const event = events[at];
    if (event === undefined) return at;
    if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE) open += 1;
    else if (event.type === EVENT_ID.POP) open -= 1;
    at += 1;
  } while (open > 0);
  return at;
}

function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf("\n"); at !== -1 && at < position; at = text.indexOf("\n", at + 1)) {
    line += 1;
  }
  return line;
}
