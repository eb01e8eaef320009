import { DESC_SIZE, DescF } from "../../spec/mod.ts";
import {
  type Area,
  areaLength,
  type Field,
  fieldsIn,
  fieldValue,
  flagNames,
  type RingPlace,
} from "./ring_fields.ts";
import type { Recording } from "./recording.ts";
import { ShadowMemory } from "./shadow.ts";

/** Entries of an indirect table that are shown. */
const MAX_TABLE = 1024;
const AREAS: readonly Area[] = ["desc", "driver", "device"];

interface Bound extends RingPlace {
  readonly owner: number;
  readonly queue: number;
  readonly ref: number;
  /** Fields that the driver has written since the last barrier, with what they held before. */
  readonly touched: Map<number, { field: Field; before: number; line: number }>;
}

/**
 * Turns writes to memory into steps of rings. What the driver writes between two barriers is a group: the device cannot
 * tell its order, so it is sorted. A write that changes nothing is no step.
 */
export class Rings {
  private readonly bound: Bound[] = [];
  private readonly memory = new ShadowMemory();
  private lastTouched: Bound | undefined;

  constructor(private readonly out: Recording) {}

  bind(owner: number, queue: number, ref: number, place: RingPlace): void {
    this.unbind(owner, queue);
    if (place.size === 0 || place.desc === 0) return;
    this.bound.push({ ...place, owner, queue, ref, touched: new Map() });
  }
  unbind(owner: number, queue: number): void {
    const at = this.bound.findIndex((b) => b.owner === owner && b.queue === queue);
    if (at >= 0) this.bound.splice(at, 1);
  }

  /** Whether the write was to a ring. */
  write(by: "driver" | "device", addr: number, bytes: Uint8Array, line: number): boolean {
    for (const b of this.bound) {
      for (const area of AREAS) {
        const from = addr - b[area];
        if (from >= areaLength(b, area) || from + bytes.length <= 0) continue;
        const fields = [...fieldsIn(b, area, from, from + bytes.length)];
        const before = fields.map((f) => this.memory.read(f.addr, f.width));
        this.memory.write(addr, bytes);
        if (by === "driver") {
          this.lastTouched = b;
          fields.forEach((field, k) => {
            if (!b.touched.has(field.addr)) b.touched.set(field.addr, { field, before: before[k], line });
          });
        } else {
          this.flush();
          fields.forEach((f, k) => {
            if (this.memory.read(f.addr, f.width) !== before[k]) this.step(b, f, line, true);
          });
        }
        return true;
      }
    }
    if (by === "driver") this.memory.write(addr, bytes);
    return false;
  }

  /** Counts a descriptor as written: a golden trace shows only what is different afterwards. */
  touch(addr: number, line: number): void {
    for (const b of this.bound) {
      for (let i = 0; i < b.size; i++) {
        const at = b.desc + DESC_SIZE * i;
        if (this.memory.read(at, 8) !== addr) continue;
        for (const field of fieldsIn(b, "desc", DESC_SIZE * i, DESC_SIZE * i + 1)) {
          if (!b.touched.has(at)) b.touched.set(at, { field, before: addr, line });
        }
      }
    }
  }

  /** The group of writes is over. */
  flush(): void {
    for (const b of this.bound) {
      if (b.touched.size === 0) continue;
      const list = [...b.touched.values()].sort((x, y) => x.field.rank - y.field.rank);
      b.touched.clear();
      list.forEach(({ field, before, line }, k) => {
        if (this.memory.read(field.addr, field.width) !== before) this.step(b, field, line, false);
        // An indirect table stands behind the fields of its descriptor.
        if (field.desc >= 0 && list[k + 1]?.field.desc !== field.desc) this.table(b, field.desc, line);
      });
    }
  }

  /** @param any a barrier of a trace that has one queue only. */
  barrier(kind: string, line: number, any: boolean): void {
    const b = this.lastTouched;
    this.flush();
    if (b === undefined || (!any && kind.endsWith("/read"))) {
      this.out.leaveOut("barriers that no queue can be told for");
      return;
    }
    this.out.add(
      { device: b.owner, lane: "driver", ref: -1, line },
      "barrier",
      kind,
      `barrier ${kind.slice(kind.indexOf("/") + 1)}`,
    );
  }
  /** The queue that barriers belong to until another one is written to. */
  attend(owner: number, queue: number): void {
    this.lastTouched = this.bound.find((b) => b.owner === owner && b.queue === queue) ?? this.lastTouched;
  }

  private step(b: Bound, field: Field, line: number, byDevice: boolean): void {
    const value = this.memory.read(field.addr, field.width);
    const at = byDevice
      ? { device: b.owner, lane: "device" as const, ref: b.ref, line }
      : { device: b.owner, lane: "driver" as const, ref: -1, line };
    const text = `queue ${b.queue} ${field.text} <- ${fieldValue(field, value, b.packed)}`;
    const shown = field.name === "desc.addr" ? undefined : value;
    this.out.add(at, byDevice ? "used" : "ring", text, field.name, shown);
  }
  private table(b: Bound, desc: number, line: number): void {
    const at = b.desc + DESC_SIZE * desc;
    const flags = this.memory.read(at + (b.packed ? 14 : 12), 2);
    if ((flags & DescF.INDIRECT) === 0) return;
    const addr = this.memory.read(at, 8), length = this.memory.read(at + 8, 4);
    for (let k = 0; k < Math.min(MAX_TABLE, Math.floor(length / DESC_SIZE)); k++) {
      const entry = addr + DESC_SIZE * k;
      const entryFlags = this.memory.read(entry + (b.packed ? 14 : 12), 2);
      const next = !b.packed && entryFlags & DescF.NEXT ? ` next ${this.memory.read(entry + 14, 2)}` : "";
      this.out.add(
        { device: b.owner, lane: "driver", ref: -1, line },
        "ring",
        `queue ${b.queue} desc[${desc}] table[${k}] <- (buffer, page + 0x${
          (this.memory.read(entry, 8) % 4096).toString(16)
        }) len ${this.memory.read(entry + 8, 4)} flags ${flagNames(entryFlags, b.packed)}${next}`,
        "table.entry",
        entryFlags,
      );
    }
  }
}
