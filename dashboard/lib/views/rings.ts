import { DESC_SIZE, DescF } from "../../../spec/virtio/split.ts";
import { F, featuresFromWords } from "../../../spec/virtio/features.ts";
import { VirtioId } from "../../../spec/virtio/ids.ts";
import type { Read } from "../moment.ts";
import type { MachineState, QueueState, TraceEvent, VirtioState } from "../protocol.ts";
import { u16, u32, u64 } from "./numbers.ts";

/** Bytes of a table of descriptors that are looked at. */
const LONGEST_TABLE = 64 * DESC_SIZE;

/** A queue of a machine, as it can be chosen. */
export interface Ring {
  /** `virtio-rng-pci.0/0`: the same from moment to moment. */
  readonly key: string;
  /** `virtio-net-pci.0: queue 1, transmit`. */
  readonly label: string;
  readonly kind: "split" | "packed";
  readonly device: VirtioState;
  readonly queue: QueueState;
  /** EVENT_IDX: notifications and interrupts at an index. */
  readonly eventIdx: boolean;
  readonly inOrder: boolean;
}

/** The queues that a driver has enabled, in the order of their devices. */
export function rings(state: MachineState): Ring[] {
  return state.virtio.flatMap((device) => {
    const features = device.agreed ? featuresFromWords(device.accepted) : 0n;
    const kind = (features & F.RING_PACKED) !== 0n ? "packed" as const : "split" as const;
    return device.queues.filter((q) => q.enabled && q.size > 0 && q.desc !== 0).map((queue): Ring => {
      const role = queueRole(device, queue.index);
      return {
        key: `${device.name}/${queue.index}`,
        label: `${device.device}: queue ${queue.index}${role === "" ? "" : `, ${role}`}`,
        kind,
        device,
        queue,
        eventIdx: (features & F.EVENT_IDX) !== 0n,
        inOrder: (features & F.IN_ORDER) !== 0n,
      };
    });
  });
}

/** Whether an event is about a ring: a write to one of its areas, or a notification. */
export function touches(event: TraceEvent, { kind, device, queue }: Ring): boolean {
  if (event.ev === "notify") {
    return (event.dev === device.name || event.dev === device.device) && event.queue === queue.index;
  }
  if (event.ev !== "mem_write") return false;
  const { size } = queue;
  // virtio 1.4, 2.7 and 2.8: sizes of the areas; the packed ring's others are its event suppression structures.
  const [driver, back] = kind === "split" ? [6 + 2 * size, 6 + 8 * size] : [4, 4];
  const areas = [[queue.desc, DESC_SIZE * size], [queue.driver, driver], [queue.device, back]];
  return areas.some(([from, length]) => event.addr >= from && event.addr < from + length);
}

/** What a queue is for: `receive`; empty if that is not known. */
export function queueRole(device: VirtioState, index: number): string {
  switch (device.id) {
    case VirtioId.Rng:
      return "requests";
    case VirtioId.Console:
      return ["receive", "transmit", "control receive", "control transmit"][index] ??
        (index % 2 === 0 ? "receive" : "transmit");
    case VirtioId.Net: {
      const last = Math.max(...device.queues.map((q) => q.index));
      if (index === last && index % 2 === 0 && index > 0) return "control";
      return index % 2 === 0 ? "receive" : "transmit";
    }
  }
  return "";
}

/** A buffer as a descriptor tells of it. */
export interface Buffer {
  /** Guest-physical. */
  readonly addr: number;
  readonly len: number;
  /** Who may use it how: the device writes it, or reads it. */
  readonly write: boolean;
}

/** One entry of an indirect table. */
export interface TableEntry extends Buffer {
  readonly index: number;
  /** Entry that follows; -1: none. */
  readonly next: number;
}

/**
 * The entries of an indirect table (virtio 1.4, 2.7.5.3 and 2.8.8). A split ring links them; those of a packed ring follow
 * each other. At most 64 are looked at.
 */
export function readTable(
  read: Read,
  addr: number,
  length: number,
  kind: "split" | "packed",
): TableEntry[] | undefined {
  const bytes = read(addr, Math.min(length, LONGEST_TABLE));
  if (bytes === undefined) return undefined;
  const entries: TableEntry[] = [];
  for (let index = 0; (index + 1) * DESC_SIZE <= bytes.length; index++) {
    const at = index * DESC_SIZE;
    const flags = u16(bytes, at + (kind === "split" ? 12 : 14));
    const last = (index + 2) * DESC_SIZE > bytes.length;
    const next = kind === "split"
      ? ((flags & DescF.NEXT) !== 0 ? u16(bytes, at + 14) : -1)
      : last
      ? -1
      : index + 1;
    entries.push({
      index,
      addr: u64(bytes, at),
      len: u32(bytes, at + 8),
      write: (flags & DescF.WRITE) !== 0,
      next,
    });
  }
  return entries;
}

/** `NEXT WRITE`: flags of a descriptor by name. */
export function descriptorFlags(flags: number): string[] {
  return Object.entries(DescF).filter(([, bit]) => (flags & bit) !== 0).map(([name]) => name);
}
