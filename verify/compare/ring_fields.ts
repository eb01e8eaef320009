import { DESC_SIZE, DescF, PackedDescF, RingEventFlags } from "../../spec/mod.ts";

/** Where the areas of a queue are, as the driver has told the device. Addresses are guest-physical. */
export interface RingPlace {
  readonly packed: boolean;
  /** Descriptors. */
  readonly size: number;
  readonly desc: number;
  readonly driver: number;
  readonly device: number;
}
export type Area = "desc" | "driver" | "device";

/** A field of a ring. */
export interface Field {
  /** `desc[3].flags`. */
  readonly text: string;
  /** `desc.flags`. */
  readonly name: string;
  /** Guest-physical address. */
  readonly addr: number;
  /** Bytes. */
  readonly width: number;
  /** Place in a group of writes between which the device cannot tell the order: what is published comes last. */
  readonly rank: number;
  /** Index of the descriptor, -1 for other fields. */
  readonly desc: number;
}

/** Length of an area in bytes, with the event fields. */
export function areaLength({ packed, size }: RingPlace, area: Area): number {
  if (area === "desc") return DESC_SIZE * size;
  return packed ? 4 : area === "driver" ? 6 + 2 * size : 6 + 8 * size;
}

const LAST = 1e9;
const SPLIT_DESC = [["addr", 0, 8], ["len", 8, 4], ["flags", 12, 2], ["next", 14, 2]] as const;
const PACKED_DESC = [["addr", 0, 8], ["len", 8, 4], ["id", 12, 2], ["flags", 14, 2]] as const;

/** Fields of an area that have a byte in [from, to), offsets from the start of the area. */
export function* fieldsIn(place: RingPlace, area: Area, from: number, to: number): Generator<Field> {
  const base = place[area];
  if (area === "desc") {
    const layout = place.packed ? PACKED_DESC : SPLIT_DESC;
    for (let i = Math.floor(from / DESC_SIZE); i < place.size && i * DESC_SIZE < to; i++) {
      for (const [name, at, width] of layout) {
        const start = i * DESC_SIZE + at;
        if (start >= to || start + width <= from) continue;
        const rank = 8 * i + layout.findIndex(([n]) => n === name);
        yield { text: `desc[${i}].${name}`, name: `desc.${name}`, addr: base + start, width, rank, desc: i };
      }
    }
    return;
  }
  for (const [text, start, width, rank] of others(place, area, from, to)) {
    if (start >= to || start + width <= from) continue;
    yield { text, name: text.replace(/\[\d+\]/, ""), addr: base + start, width, rank: LAST + rank, desc: -1 };
  }
}

function* others(
  { packed, size }: RingPlace,
  area: Area,
  from: number,
  to: number,
): Generator<[text: string, at: number, width: number, rank: number]> {
  if (packed) {
    yield [`${area}_event.desc`, 0, 2, 0];
    yield [`${area}_event.flags`, 2, 2, 1];
    return;
  }
  const driver = area === "driver", ring = driver ? "avail" : "used", step = driver ? 2 : 8;
  yield [`${ring}.flags`, 0, 2, size];
  yield [`${ring}.idx`, 2, 2, size + 2];
  for (let k = Math.max(0, Math.floor((from - 4) / step)); k < size && 4 + k * step < to; k++) {
    if (driver) yield [`avail.ring[${k}]`, 4 + 2 * k, 2, k];
    else {
      yield [`used.ring[${k}].id`, 4 + 8 * k, 4, k];
      yield [`used.ring[${k}].len`, 8 + 8 * k, 4, k];
    }
  }
  yield [driver ? "used_event" : "avail_event", 4 + step * size, 2, size + 1];
}

/** Names of a descriptor's flags. */
export function flagNames(flags: number, packed: boolean): string {
  const all = packed ? { ...DescF, ...PackedDescF } : DescF;
  const names = Object.entries(all).filter(([, bit]) => flags & bit).map(([name]) => name);
  return names.length === 0 ? "0" : `0x${flags.toString(16)} ${names.join("|")}`;
}

/** The value of a field, in words that are the same in every run. */
export function fieldValue(field: Field, value: number, packed: boolean): string {
  switch (field.name) {
    case "desc.addr":
      return `(buffer, page + 0x${(value % 4096).toString(16)})`;
    case "desc.flags":
      return flagNames(value, packed);
    case "driver_event.flags":
    case "device_event.flags":
      return Object.entries(RingEventFlags).find(([, v]) => v === value)?.[0] ?? String(value);
    case "driver_event.desc":
    case "device_event.desc":
      return `${value & 0x7fff} wrap ${value >> 15}`;
    default:
      return String(value);
  }
}
