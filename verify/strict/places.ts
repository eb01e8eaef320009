import type { Frame, Place } from "./report.ts";

/** How many frames V8 takes; elsewhere it has no meaning. */
const V8 = Error as ErrorConstructor & { stackTraceLimit?: number };
const DEPTH = 24;
/** Frames of a driver's place that are kept. */
const KEPT = 8;
/** Where a frame is not the driver's: the floors under it, what watches it, and the other half. */
const NOT_DRIVER = /(?:^|\/)(?:arch|mm|spec|verify|devices)\//;
const FRAME = /^\s*at (?:(.*?) \()?(.*?):(\d+):(\d+)\)?$/;

/** Takes the stack as it is now. Cheap; {@link placeOf} reads it when somebody wants to know. */
export function capture(): Error {
  const limit = V8.stackTraceLimit;
  V8.stackTraceLimit = DEPTH;
  const error = new Error();
  V8.stackTraceLimit = limit;
  return error;
}

/** The driver's frames of a stack, innermost first. Files are relative to the project where they lie in it. */
export function placeOf(error: Error | undefined): Place {
  if (error?.stack === undefined) return [];
  const frames: Frame[] = [];
  for (const text of error.stack.split("\n")) {
    const match = FRAME.exec(text);
    if (match === null) continue;
    const file = shorten(match[2]);
    if (file === undefined || NOT_DRIVER.test(file)) continue;
    frames.push({ file, line: Number(match[3]), column: Number(match[4]), name: match[1] ?? "" });
    if (frames.length === KEPT) break;
  }
  return frames;
}

/**
 * The place of a stack that is worked out when somebody looks into it: most places that rules note are never shown. It is
 * no plain array, and cannot be posted; `[...place]` can.
 */
export function lazyPlace(error: Error): Place {
  let place: Place | undefined;
  return new Proxy<Place>([], {
    get(_, key) {
      place ??= placeOf(error);
      const value = Reflect.get(place, key);
      return typeof value === "function" ? value.bind(place) : value;
    },
    has: (_, key) => Reflect.has(place ??= placeOf(error), key),
  });
}

const ROOT = new URL("../../", import.meta.url).href;

function shorten(file: string): string | undefined {
  if (/^(?:node:|ext:|<|native)/.test(file)) return undefined;
  return file.startsWith(ROOT) ? file.slice(ROOT.length) : file;
}
