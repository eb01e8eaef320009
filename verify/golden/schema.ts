/**
 * The trace format `hermit-virtq-golden/1` (described in tests/data/golden/README.md) as types, and its reader. Every
 * error names the file, the key, what was found and what was expected.
 */

/** A trace file that cannot be read as `hermit-virtq-golden/1`. */
export class TraceError extends Error {
  override name = "TraceError";
}

/** `dma/write`, `smp/read`, ... */
export type BarrierName = string;

export interface ElemSpec {
  kind: "vec" | "sized";
  len: number;
  capacity?: number;
}
export interface TokenSpec {
  token: string | null;
  send: ElemSpec[];
  recv: ElemSpec[];
  type: "direct" | "indirect";
}
export interface TraceOp extends Partial<TokenSpec> {
  op: string;
  notif?: boolean;
  tokens?: TokenSpec[];
  max_size?: number;
  chain?: string;
  write_bytes?: number;
  used_len?: number;
  seed?: number;
  id?: number;
  ndesc?: number;
  count?: number;
  mode?: string;
}
export interface TraceObject {
  name: string;
  kind: "vec" | "sized";
  phys: string;
  len: number;
  capacity: number;
  seed?: number;
}
export interface TraceTable {
  name: string;
  phys: string;
  len: number;
  hex: string;
}
export interface DeviceWrite {
  name: string;
  off: number;
  hex: string;
}
export interface TraceSegment {
  name: string;
  off: number;
  phys: string;
  len: number;
  writable: boolean;
}
export interface TraceChain {
  label: string;
  id: number;
  ndesc: number;
  indirect: { name: string; phys: string; len: number } | null;
  segments: TraceSegment[];
  anomalies: string[];
}
export interface TraceNotification {
  width: number;
  value: string;
  data: { vqn: number; next_idx: number; next_off: number; next_wrap: number };
}
export interface TracePop {
  name: string;
  pop: "vec" | "downcast" | "raw";
  phys?: string;
  len?: number;
  hex?: string;
  none?: boolean;
  panic?: string;
}
export interface TraceReturned {
  token: string;
  written_len: number;
  send: { name: string; phys: string; len: number }[];
  recv: TracePop[];
  extra_pop_vec: boolean | null;
  elems_left: number;
  written_len_left: number;
}
export type TraceAreas = Record<string, string | { diff: [number, string][] }>;
export interface TraceResult {
  ok?: boolean;
  err?: string;
  panic?: string;
  value?: boolean;
  size?: number;
  index?: number;
  chain?: TraceChain | null;
  interrupt?: boolean;
  cycles_ok?: number;
  cycles_bad?: number;
  notification_count?: number;
  last_notification?: { width: number; value: string; data_bits: string } | null;
}
export interface DriverState {
  read_idx?: number;
  write_index?: { off: number; wrap: number };
  poll_index?: { off: number; wrap: number };
  last_next?: { off: number; wrap: number };
  capacity?: number;
  drv_f_notif_idx?: boolean;
  dev_f_notif_idx?: boolean;
  free_count: number;
  free: number[] | string;
  live: { id: number; token: string; ndesc: number }[];
  has_used_buffers: boolean;
}
export interface TraceStep {
  i: number;
  op: TraceOp;
  result: TraceResult;
  config_writes?: { reg: string; value: string }[];
  notifications: TraceNotification[];
  barriers?: BarrierName[];
  barrier_count?: number;
  areas: TraceAreas;
  driver_state: DriverState | null;
  objects?: TraceObject[];
  indirect?: TraceTable[];
  device_wants_notify?: boolean;
  device_writes?: DeviceWrite[];
  device_during_op?: {
    chain: TraceChain;
    used_len: number;
    seed: number;
    interrupt: boolean;
    device_writes: DeviceWrite[];
  }[];
  returned?: TraceReturned;
}
export interface Trace {
  schema: string;
  name: string;
  description: string;
  queue_type: "split" | "packed";
  transport: string;
  queue_index: number;
  requested_size: number;
  device_max_size: number;
  size: number;
  features: string[];
  features_bits: string;
  arena_base: string;
  arena_len: string;
  heap_base: string;
  heap_len: string;
  areas: { name: string; phys: string; len: number }[];
  steps: TraceStep[];
}

/** Operations of the format, and which keys of `op` each needs. */
const OPERATIONS: Record<string, string[]> = {
  create: ["max_size"],
  size_index: [],
  new_token: ["send", "recv"],
  dispatch: ["token", "send", "recv", "type", "notif"],
  dispatch_batch: ["tokens", "notif"],
  dispatch_batch_await: ["tokens", "notif"],
  dispatch_blocking: ["token", "send", "recv", "type"],
  try_recv: [],
  has_used_buffers: [],
  enable_notifs: [],
  disable_notifs: [],
  repeat_cycle: ["count", "send", "recv", "type"],
  note: [],
  device_pop: [],
  device_complete: ["chain", "write_bytes", "used_len", "seed"],
  device_push_used_raw: ["id", "used_len", "ndesc"],
  device_poke: [],
  device_auto: ["mode"],
};

type Check = (value: unknown) => boolean;
const isNumber: Check = (v) => Number.isSafeInteger(v) && (v as number) >= 0;
const isString: Check = (v) => typeof v === "string";
const isHex: Check = (v) => typeof v === "string" && /^0x[0-9a-f]{1,32}$/i.test(v);
const isBytes: Check = (v) => typeof v === "string" && v.length % 2 === 0 && /^[0-9a-f]*$/i.test(v);

class Reader {
  constructor(private readonly file: string) {}
  fail(key: string, found: unknown, expected: string): never {
    const text = JSON.stringify(found) ?? "nothing";
    throw new TraceError(
      `${this.file}: ${key}: found ${
        text.length > 80 ? text.slice(0, 77) + "..." : text
      }, expected ${expected}`,
    );
  }
  object(value: unknown, key: string): Record<string, unknown> {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      this.fail(key, value, "an object");
    }
    return value as Record<string, unknown>;
  }
  array(value: unknown, key: string): unknown[] {
    if (!Array.isArray(value)) this.fail(key, value, "a list");
    return value as unknown[];
  }
  check(value: unknown, key: string, test: Check, expected: string): void {
    if (!test(value)) this.fail(key, value, expected);
  }
  one(value: unknown, key: string, choices: readonly unknown[]): void {
    if (!choices.includes(value)) {
      this.fail(key, value, choices.map((c) => JSON.stringify(c)).join(" or "));
    }
  }
}

function checkElems(r: Reader, value: unknown, key: string): void {
  r.array(value, key).forEach((item, i) => {
    const elem = r.object(item, `${key}[${i}]`);
    r.one(elem.kind, `${key}[${i}].kind`, ["vec", "sized"]);
    r.check(elem.len, `${key}[${i}].len`, isNumber, "a number of bytes");
  });
}

function checkToken(r: Reader, op: Record<string, unknown>, key: string): void {
  checkElems(r, op.send, `${key}.send`);
  checkElems(r, op.recv, `${key}.recv`);
  if ("type" in op) r.one(op.type, `${key}.type`, ["direct", "indirect"]);
}

function checkAreas(r: Reader, value: unknown, key: string): void {
  for (const [name, area] of Object.entries(r.object(value, key))) {
    if (typeof area === "string") {
      r.check(area, `${key}.${name}`, isBytes, "bytes in hex");
    } else {
      r.array(r.object(area, `${key}.${name}`).diff, `${key}.${name}.diff`).forEach((d, i) => {
        const pair = r.array(d, `${key}.${name}.diff[${i}]`);
        if (!isNumber(pair[0]) || !isBytes(pair[1])) {
          r.fail(`${key}.${name}.diff[${i}]`, d, "[offset, bytes in hex]");
        }
      });
    }
  }
}

function checkStep(r: Reader, value: unknown, i: number): void {
  const key = `steps[${i}]`;
  const step = r.object(value, key);
  if (step.i !== i) r.fail(`${key}.i`, step.i, String(i));
  const op = r.object(step.op, `${key}.op`);
  const needs = OPERATIONS[op.op as string];
  if (needs === undefined) {
    r.fail(`${key}.op.op`, op.op, `one of ${Object.keys(OPERATIONS).join(", ")}`);
  }
  for (const need of needs) if (!(need in op)) r.fail(`${key}.op.${need}`, undefined, `a value (${op.op})`);
  for (const n of ["count", "max_size", "write_bytes", "used_len", "seed", "id", "ndesc"]) {
    if (n in op) r.check(op[n], `${key}.op.${n}`, isNumber, "a number");
  }
  if ("send" in op) checkToken(r, op, `${key}.op`);
  if ("tokens" in op) {
    r.array(op.tokens, `${key}.op.tokens`).forEach((t, k) => {
      checkToken(r, r.object(t, `${key}.op.tokens[${k}]`), `${key}.op.tokens[${k}]`);
    });
  }
  if (op.op === "note") return;
  const result = r.object(step.result, `${key}.result`);
  if (!("ok" in result) && !("err" in result) && !("panic" in result)) {
    r.fail(`${key}.result`, result, "ok, err or panic");
  }
  if ("ok" in result) r.one(result.ok, `${key}.result.ok`, [true]);
  checkAreas(r, step.areas, `${key}.areas`);
  for (const list of ["notifications"]) r.array(step[list], `${key}.${list}`);
  for (
    const list of ["barriers", "objects", "indirect", "device_writes", "device_during_op", "config_writes"]
  ) {
    if (list in step) r.array(step[list], `${key}.${list}`);
  }
  (step.device_writes as unknown[] ?? []).forEach((w, k) => {
    const write = r.object(w, `${key}.device_writes[${k}]`);
    r.check(write.name, `${key}.device_writes[${k}].name`, isString, "a name");
    r.check(write.off, `${key}.device_writes[${k}].off`, isNumber, "an offset in bytes");
    r.check(write.hex, `${key}.device_writes[${k}].hex`, isBytes, "bytes in hex");
  });
  (step.objects as unknown[] ?? []).forEach((o, k) => {
    const object = r.object(o, `${key}.objects[${k}]`);
    r.check(object.name, `${key}.objects[${k}].name`, isString, "a name");
    r.check(object.phys, `${key}.objects[${k}].phys`, isHex, "an address in hex");
    r.check(object.len, `${key}.objects[${k}].len`, isNumber, "a length in bytes");
    r.check(object.capacity, `${key}.objects[${k}].capacity`, isNumber, "a capacity in bytes");
  });
}

/**
 * Checks a parsed JSON value and gives it back as a trace.
 *
 * ```ts
 * import { readTrace, TraceError } from "./schema.ts";
 * try {
 *   readTrace({ schema: "hermit-virtq-golden/2" }, "x.json");
 * } catch (e) {
 *   console.assert(e instanceof TraceError && e.message.startsWith("x.json: schema: found"));
 * }
 * ```
 *
 * @throws {TraceError} naming file, key, what was found and what was expected.
 */
export function readTrace(value: unknown, file: string): Trace {
  const r = new Reader(file);
  const t = r.object(value, "the file");
  r.one(t.schema, "schema", ["hermit-virtq-golden/1"]);
  r.check(t.name, "name", isString, "a name");
  r.one(t.queue_type, "queue_type", ["split", "packed"]);
  for (const key of ["queue_index", "requested_size", "device_max_size", "size"]) {
    r.check(t[key], key, isNumber, "a number");
  }
  for (const key of ["features_bits", "arena_base", "arena_len", "heap_base", "heap_len"]) {
    r.check(t[key], key, isHex, "a number in hex (0x...)");
  }
  if (Number(t.arena_len) > 2 ** 28 || Number(t.heap_len) > 2 ** 28) {
    r.fail("arena_len", t.arena_len, "at most 256 MiB");
  }
  r.array(t.areas, "areas").forEach((a, i) => {
    const area = r.object(a, `areas[${i}]`);
    r.one(area.name, `areas[${i}].name`, ["desc", "driver", "device"]);
    r.check(area.phys, `areas[${i}].phys`, isHex, "an address in hex");
    r.check(area.len, `areas[${i}].len`, isNumber, "a length in bytes");
  });
  const steps = r.array(t.steps, "steps");
  if (steps.length === 0) r.fail("steps", [], "at least the step create");
  steps.forEach((s, i) => checkStep(r, s, i));
  if ((steps[0] as TraceStep).op.op !== "create") {
    r.fail("steps[0].op.op", (steps[0] as TraceStep).op.op, "create");
  }
  return t as unknown as Trace;
}

/** Bytes from hex digits. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = parseInt(text.substring(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** Hex digits of bytes. */
export function toHex(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += byte.toString(16).padStart(2, "0");
  return text;
}
