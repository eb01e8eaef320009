import {
  CapCfgType,
  VIRTIO_PCI_MODERN_BASE,
  VIRTIO_PCI_VENDOR,
  VirtioPciCap as Cap,
} from "../../spec/virtio/pci.ts";
import type { Decoder } from "./decoder.ts";
import { typeOf } from "./decoder.ts";
import type { Structure } from "./registers.ts";

const CONFIG_BYTES = 256;
const FIRST_BAR = 0x10, BARS = 6, SUBSYSTEM_ID = 0x2e, CAPABILITIES = 0x34;
const CAP_MSIX = 0x11, CAP_VENDOR = 9;
const STRUCTURES: Record<number, Structure> = {
  [CapCfgType.Common]: "common",
  [CapCfgType.Notify]: "notify",
  [CapCfgType.Isr]: "isr",
  [CapCfgType.Device]: "device",
};

const STRUCTURE_LENGTH = 4096;

interface Region {
  readonly structure: Structure;
  readonly base: number;
  readonly length: number;
}
interface Function_ {
  readonly bytes: Uint8Array;
  /** BARs as last written with something that is no question for the size. */
  readonly bars: Uint32Array;
  device: number | undefined;
  regions: Region[] | undefined;
}

/** Follows accesses to the PCI configuration space, and so knows where the structures of each virtio device are. */
export class PciTracker {
  private readonly functions = new Map<string, Function_>();
  private address = 0;
  /** Accesses came through ports; the same said under another name is no step. */
  private direct = false;

  constructor(private readonly decoder: Decoder) {}

  /** A device that the file itself names, at its place (`00:03.0`). */
  name(bdf: string, device: number): void {
    this.at(bdf).device = device;
  }

  /** An access to ports 0xcf8 to 0xcff (PCI 3.0, 3.2.2.3.2); true if it was one. */
  port(port: number, width: number, value: number, write: boolean, line: number): boolean {
    if (port < 0xcf8 || port > 0xcff) return false;
    if (port < 0xcfc) {
      if (write && width === 4) this.address = value >>> 0;
      return true;
    }
    const a = this.address;
    if (a >>> 31 === 0) return true;
    this.direct = true;
    this.access(bdfOf(a >>> 8), (a & 0xfc) + port - 0xcfc, width, value, write, line);
    return true;
  }
  /** An access to the memory-mapped configuration space; `offset` from its start. */
  ecam(offset: number, width: number, value: number, write: boolean, line: number): void {
    this.direct = true;
    this.access(bdfOf(Math.floor(offset / 4096) & 0xffff), offset % 4096, width, value, write, line);
  }
  /** What a line says that names the function; no step if the ports say it, too. */
  named(bdf: string, offset: number, width: number, value: number, write: boolean, line: number): void {
    if (!this.direct) this.access(bdf, offset, width, value, write, line);
  }

  /** The structure that an address is in. */
  find(addr: number): { device: number; structure: Structure; offset: number } | undefined {
    for (const f of this.functions.values()) {
      if (f.device === undefined) continue;
      for (const r of f.regions ??= regionsOf(f)) {
        if (addr >= r.base && addr < r.base + r.length) {
          return { device: f.device, structure: r.structure, offset: addr - r.base };
        }
      }
    }
    return undefined;
  }

  private at(bdf: string): Function_ {
    let f = this.functions.get(bdf);
    if (f === undefined) {
      f = {
        bytes: new Uint8Array(CONFIG_BYTES),
        bars: new Uint32Array(BARS),
        device: undefined,
        regions: undefined,
      };
      this.functions.set(bdf, f);
    }
    return f;
  }
  private access(bdf: string, at: number, width: number, raw: number, write: boolean, line: number): void {
    const value = width === 4 ? raw >>> 0 : raw % 2 ** (8 * width);
    const f = this.at(bdf);
    const bar = (at - FIRST_BAR) / 4;
    const isBar = width === 4 && bar >= 0 && bar < BARS && Number.isInteger(bar);
    if (write && isBar && value !== 0xffff_ffff) f.bars[bar] = value;
    // What is read is there; what is written may be ignored, and is read back before it matters.
    if (!write) {
      for (let k = 0; k < width && at + k < CONFIG_BYTES; k++) {
        f.bytes[at + k] = (value / 2 ** (8 * k)) & 0xff;
      }
    }
    f.regions = undefined;
    if (f.device === undefined) this.recognise(bdf, f);
    if (f.device === undefined) {
      this.decoder.out.leaveOut("accesses to the configuration of other PCI functions");
      return;
    }
    const address = isBar && value !== 0xffff_ffff && write;
    const text = `PCI 0x${at.toString(16)}:${width} ${write ? "<-" : "->"} ${
      address ? `(address) ${value & 15}` : `0x${value.toString(16)}`
    }`;
    this.decoder.out.add({ device: f.device, lane: "config", ref: -1, line }, "config", text, "PCI", value);
  }
  private recognise(bdf: string, f: Function_): void {
    const u16 = (at: number) => f.bytes[at] | f.bytes[at + 1] << 8;
    const id = u16(2);
    if (u16(0) !== VIRTIO_PCI_VENDOR || id === 0) return;
    const virtio = id >= VIRTIO_PCI_MODERN_BASE
      ? id - VIRTIO_PCI_MODERN_BASE
      : TRANSITIONAL[id - 0x1000] ?? u16(SUBSYSTEM_ID);
    if (virtio === 0) return;
    f.device = this.decoder.out.newDevice(bdf, typeOf(virtio), virtio);
  }
}

/** Virtio ids of the transitional PCI device ids from 0x1000 on (virtio 1.4, 4.1.2.3). */
const TRANSITIONAL: readonly (number | undefined)[] = [1, 2, 5, 3, 8, 4, undefined, undefined, undefined, 9];

function bdfOf(n: number): string {
  const two = (x: number) => x.toString(16).padStart(2, "0");
  return `${two((n >> 8) & 0xff)}:${two((n >> 3) & 0x1f)}.${n & 7}`;
}

/** Structures from the capability list (virtio 1.4, 4.1.4), as far as the driver has read it. */
function regionsOf({ bytes, bars }: Function_): Region[] {
  const u32 = (at: number) =>
    (bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16) + bytes[at + 3] * 2 ** 24;
  const base = (bar: number) => {
    const low = bars[bar];
    if ((low & 1) === 1 || bar >= BARS) return 0;
    return ((low & ~15) >>> 0) + ((low & 6) === 4 ? bars[bar + 1] * 2 ** 32 : 0);
  };
  const found: Region[] = [];
  for (let cap = bytes[CAPABILITIES] & 0xfc, left = 48; cap !== 0 && left > 0; left--) {
    if (bytes[cap] === CAP_MSIX) {
      const table = u32(cap + 4), start = base(table & 7);
      const entries = ((bytes[cap + 2] | bytes[cap + 3] << 8) & 0x7ff) + 1;
      if (start > 0) found.push({ structure: "msix", base: start + (table & ~7), length: 16 * entries });
    } else if (bytes[cap] === CAP_VENDOR) {
      const structure = STRUCTURES[bytes[cap + Cap.CFG_TYPE]], start = base(bytes[cap + Cap.BAR]);
      // A driver that does not ask for the length gets QEMU's.
      const length = u32(cap + Cap.LENGTH) || STRUCTURE_LENGTH;
      if (structure !== undefined && start > 0) {
        found.push({ structure, base: start + u32(cap + Cap.OFFSET), length });
      }
    }
    cap = bytes[cap + 1] & 0xfc;
  }
  return found;
}
