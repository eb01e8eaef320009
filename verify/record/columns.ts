import type { TraceEvent } from "../../spec/trace.ts";
import { KIND, KINDS, LEVELS, LOST_WAKES } from "./kinds.ts";

/** Events in a chunk; a key frame stands before each. */
export const CHUNK = 4096;
const NONE = 0xffff_ffff;
/** Bytes of the columns for one event. */
const EVENT_BYTES = 42;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Strings that come again and again (devices, registers, areas), each kept once. */
export class Strings {
  readonly list: string[] = [];
  bytes = 0;
  private readonly ids = new Map<string, number>();

  id(text: string | undefined): number {
    if (text === undefined) return NONE;
    let id = this.ids.get(text);
    if (id === undefined) {
      id = this.list.length;
      this.ids.set(text, id);
      this.list.push(text);
      this.bytes += 2 * text.length + 64;
    }
    return id;
  }
  text(id: number): string | undefined {
    return id === NONE ? undefined : this.list[id];
  }
}

/**
 * Up to {@link CHUNK} events by columns: what all of them have in typed arrays, and what is long (bytes of memory, frames,
 * text that differs each time) in one pool.
 */
export class Chunk {
  length = 0;
  readonly kind = new Uint8Array(CHUNK);
  readonly t = new Float64Array(CHUNK);
  /** Address, port, offset, line, queue. */
  readonly a = new Float64Array(CHUNK);
  /** Value, data, repeat. */
  readonly v = new Float64Array(CHUNK);
  /** Width, level, who. */
  readonly w = new Uint8Array(CHUNK);
  readonly s1 = new Uint32Array(CHUNK).fill(NONE);
  readonly s2 = new Uint32Array(CHUNK).fill(NONE);
  /** Where the event's bytes begin in the pool; they end where those of the next begin. */
  private readonly start = new Uint32Array(CHUNK + 1);
  private pool = new Uint8Array(1 << 14);
  private used = 0;

  constructor(private readonly strings: Strings) {}

  get full(): boolean {
    return this.length === CHUNK;
  }
  get bytes(): number {
    return EVENT_BYTES * CHUNK + this.pool.length;
  }
  /** Gives back what the pool has too much, once no more comes. */
  seal(): void {
    this.pool = this.pool.slice(0, this.used);
  }

  /** The event's bytes: a view. */
  payload(i: number): Uint8Array {
    return this.pool.subarray(this.start[i], this.start[i + 1]);
  }

  push(t: number, e: TraceEvent): void {
    const i = this.length;
    const { strings } = this;
    this.kind[i] = KIND[e.ev];
    this.t[i] = t;
    switch (e.ev) {
      case "mmio_read":
      case "mmio_write":
      case "port_read":
      case "port_write":
        this.a[i] = "addr" in e ? e.addr : e.port;
        this.v[i] = e.value;
        this.w[i] = e.width;
        this.s1[i] = strings.id(e.dev);
        this.s2[i] = strings.id(e.reg);
        break;
      case "pci_cfg_read":
      case "pci_cfg_write":
        this.a[i] = e.offset;
        this.v[i] = e.value;
        this.w[i] = e.width;
        this.s1[i] = strings.id(e.dev);
        this.s2[i] = strings.id(e.bdf);
        break;
      case "mem_write":
      case "page_table_write":
        this.a[i] = e.addr;
        this.v[i] = e.repeat ?? 0;
        if (e.ev === "mem_write") {
          this.w[i] = e.by === "driver" ? 0 : 1;
          this.s1[i] = strings.id(e.area);
        }
        this.putHex(e.hex);
        break;
      case "page_table_root":
        this.a[i] = e.addr;
        break;
      case "barrier":
        this.s1[i] = strings.id(e.kind);
        break;
      case "notify":
        this.s1[i] = strings.id(e.dev);
        this.a[i] = e.queue;
        this.v[i] = e.data ?? -1;
        break;
      case "irq_line":
        this.a[i] = e.line;
        this.w[i] = Number(e.level);
        this.s1[i] = strings.id(e.dev);
        break;
      case "msi":
        this.a[i] = e.addr;
        this.v[i] = e.data;
        this.s1[i] = strings.id(e.dev);
        break;
      case "interrupt":
        this.a[i] = e.vector;
        break;
      case "idle":
        this.a[i] = e.until ?? -1;
        break;
      case "stuck":
        break;
      case "rule":
        this.s1[i] = strings.id(e.dev);
        this.s2[i] = strings.id(e.rule);
        this.a[i] = e.queue ?? -1;
        this.v[i] = LEVELS.indexOf(e.level);
        // JSON has no line feed of its own.
        this.putText(`${e.report}\n${e.found}`);
        break;
      case "task_switch":
        this.putText(e.task);
        break;
      case "task_wait":
      case "task_end":
        this.putText(`${e.task}\n${e.ev === "task_wait" ? e.on : e.how}`);
        if (e.ev === "task_wait" && e.lost !== undefined) this.a[i] = LOST_WAKES.indexOf(e.lost) + 1;
        break;
      case "input":
      case "output":
        this.s1[i] = strings.id(e.chardev);
        this.putHex(e.hex);
        break;
      case "frame_in":
      case "frame_out":
        this.s1[i] = strings.id(e.netdev);
        this.putHex(e.hex);
        break;
      case "machine":
        this.s1[i] = strings.id(e.machine);
        this.a[i] = e.memory;
        this.putText(e.commandLine);
        break;
      case "device":
        this.s1[i] = strings.id(e.name);
        this.s2[i] = strings.id(e.place);
        this.putText(e.driver);
        break;
      case "pci_function":
        this.s1[i] = strings.id(e.dev);
        this.s2[i] = strings.id(e.bdf);
        this.putHex(e.hex + e.mask);
        break;
      case "qemu":
        this.s1[i] = strings.id(e.name);
        this.putText(e.text);
        break;
    }
    this.length = i + 1;
    this.start[i + 1] = this.used;
  }

  /** The event as it was. */
  event(i: number): TraceEvent {
    const { strings } = this;
    const s1 = strings.text(this.s1[i]), s2 = strings.text(this.s2[i]);
    const a = this.a[i], v = this.v[i], width = this.w[i];
    const ev = KINDS[this.kind[i]];
    const known = (fields: Record<string, unknown>) => {
      for (const key in fields) if (fields[key] === undefined) delete fields[key];
      return { ev, ...fields } as TraceEvent;
    };
    switch (ev) {
      case "mmio_read":
      case "mmio_write":
        return known({ addr: a, width, value: v, dev: s1, reg: s2 });
      case "port_read":
      case "port_write":
        return known({ port: a, width, value: v, dev: s1, reg: s2 });
      case "pci_cfg_read":
      case "pci_cfg_write":
        return known({ bdf: s2, offset: a, width, value: v, dev: s1 });
      case "mem_write":
        return known({
          by: width === 0 ? "driver" : "device",
          addr: a,
          hex: this.hex(i),
          area: s1,
          repeat: v || undefined,
        });
      case "page_table_write":
        return known({ addr: a, hex: this.hex(i), repeat: v || undefined });
      case "page_table_root":
        return { ev, addr: a };
      case "barrier":
        return { ev, kind: s1! };
      case "notify":
        return known({ dev: s1, queue: a, data: v < 0 ? undefined : v });
      case "irq_line":
        return known({ line: a, level: width === 1, dev: s1 });
      case "msi":
        return known({ addr: a, data: v, dev: s1 });
      case "interrupt":
        return { ev, vector: a };
      case "stuck":
        return { ev };
      case "rule": {
        const [report, found] = this.two(i);
        return known({
          rule: s2!,
          level: LEVELS[v],
          found,
          report,
          dev: s1,
          queue: a < 0 ? undefined : a,
        });
      }
      case "idle":
        return known({ until: a < 0 ? undefined : a });
      case "task_switch":
        return { ev, task: this.text(i) };
      case "task_wait": {
        const [task, on] = this.two(i);
        const lost = LOST_WAKES[a - 1];
        return known({ task, on, lost });
      }
      case "task_end": {
        const [task, how] = this.two(i);
        return { ev, task, how: how as "finished" };
      }
      case "input":
      case "output":
        return { ev, chardev: s1!, hex: this.hex(i) };
      case "frame_in":
      case "frame_out":
        return { ev, netdev: s1!, hex: this.hex(i) };
      case "machine":
        return { ev, machine: s1!, memory: a, commandLine: this.text(i) };
      case "device":
        return { ev, driver: this.text(i), name: s1!, place: s2! };
      case "pci_function": {
        const hex = this.hex(i), half = hex.length / 2;
        return { ev, bdf: s2!, dev: s1!, hex: hex.slice(0, half), mask: hex.slice(half) };
      }
      case "qemu":
        return { ev, name: s1!, text: this.text(i) };
    }
  }

  /** What follows the first line of an event's text, and that line. */
  two(i: number): [string, string] {
    const text = this.text(i);
    const at = text.indexOf("\n");
    return [text.slice(0, at), text.slice(at + 1)];
  }
  text(i: number): string {
    return decoder.decode(this.payload(i));
  }
  private hex(i: number): string {
    return this.payload(i).toHex();
  }

  private putHex(hex: string): void {
    const length = hex.length >> 1;
    const room = this.reserve(length);
    room.setFromHex(hex);
    this.used += length;
  }
  private putText(text: string): void {
    const room = this.reserve(3 * text.length);
    this.used += encoder.encodeInto(text, room).written;
  }
  private reserve(length: number): Uint8Array {
    const end = this.used + length;
    if (end > this.pool.length) {
      const larger = new Uint8Array(Math.max(2 * this.pool.length, end));
      larger.set(this.pool.subarray(0, this.used));
      this.pool = larger;
    }
    return this.pool.subarray(this.used, end);
  }
}
