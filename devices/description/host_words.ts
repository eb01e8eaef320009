import { checkFilterDump } from "./net_words.ts";
import type { ChardevDescription, ObjectDescription, Props } from "./types.ts";
import { UsageError } from "./types.ts";
import { readBool, refuseUnknownProps, requireId, splitProps, suggestion } from "./words.ts";
import { parseSize } from "./sizes.ts";

const CHARDEV_PROPS: Record<ChardevDescription["backend"], readonly string[]> = {
  stdio: ["mux", "signal"],
  null: ["mux"],
  file: ["mux", "path", "append"],
  ringbuf: ["mux", "size"],
};
const BACKENDS = Object.keys(CHARDEV_PROPS);
const QEMU_BACKENDS = [
  "socket",
  "udp",
  "pipe",
  "pty",
  "vc",
  "serial",
  "tty",
  "msmouse",
  "testdev",
  "spicevmc",
];

/** Reads a `-chardev`. @throws {UsageError} */
export function parseChardev(text: string): ChardevDescription {
  const where = `-chardev ${text}`;
  const { first, props } = splitProps("-chardev", text, "backend");
  if (first === undefined || !BACKENDS.includes(first)) {
    const why = QEMU_BACKENDS.includes(first ?? "") ? "is not supported" : "is not a valid char driver name";
    throw new UsageError(
      `${where}: '${first}' ${why}${suggestion(first ?? "", BACKENDS)}; possible: ${BACKENDS.join(", ")}`,
    );
  }
  const backend = first as ChardevDescription["backend"];
  const id = requireId(where, props.id);
  delete props.id;
  refuseUnknownProps(where, props, CHARDEV_PROPS[backend]);
  for (const name of ["mux", "signal", "append"]) {
    if (props[name] !== undefined) readBool(where, name, props[name]);
  }
  if (backend === "file" && props.path === undefined) {
    throw new UsageError(`${where}: no filename given (path=)`);
  }
  if (props.size !== undefined) parseSize(`${where}: size`, props.size);
  return { backend, id, props };
}

/**
 * Reads a `-serial`: the chardev that it names, or the one it makes, called `id`.
 *
 * @throws {UsageError}
 */
export function parseSerial(text: string, id: string): { id: string | undefined; made?: ChardevDescription } {
  if (text === "none") return { id: undefined };
  if (text.startsWith("chardev:")) return { id: text.slice(8) };
  const [word, mux]: [string, Props] = text.startsWith("mon:") ? [text.slice(4), { mux: "on" }] : [text, {}];
  if (word === "stdio" || word === "null") return { id, made: { backend: word, id, props: mux } };
  if (word.startsWith("file:")) {
    return { id, made: { backend: "file", id, props: { path: word.slice(5), ...mux } } };
  }
  throw new UsageError(
    `-serial ${text}: '${word}' is not supported; possible: none, null, stdio, mon:stdio, file:PATH, chardev:ID`,
  );
}

const OBJECTS = ["rng-builtin", "rng-random", "filter-dump"];
const IGNORED_OBJECTS = ["memory-backend-file", "memory-backend-ram", "memory-backend-memfd"];

/** Reads an `-object`; `ignored` says why one that is accepted means nothing. @throws {UsageError} */
export function parseObject(text: string): { object: ObjectDescription; ignored?: string } {
  const where = `-object ${text}`;
  const { first: type, props } = splitProps("-object", text, "qom-type");
  const all = [...OBJECTS, ...IGNORED_OBJECTS];
  if (type === undefined || !all.includes(type)) {
    throw new UsageError(
      `${where}: object type '${type}' is not supported${suggestion(type ?? "", all)}; possible: ${
        all.join(", ")
      }`,
    );
  }
  const id = requireId(where, props.id);
  delete props.id;
  if (type === "rng-builtin") refuseUnknownProps(where, props, []);
  if (type === "rng-random") refuseUnknownProps(where, props, ["filename"]);
  if (type === "filter-dump") checkFilterDump(where, props);
  const object = { type, id, props };
  if (type === "rng-random") {
    return { object, ignored: `${where}: the bytes come from the machine's seeded generator` };
  }
  if (IGNORED_OBJECTS.includes(type)) return { object, ignored: `${where}: the machine's RAM is its own` };
  return { object };
}
