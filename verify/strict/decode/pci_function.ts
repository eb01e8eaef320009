import { Msix, PciCapId, PciCfg, PciCommand, PciStatus } from "../../../spec/pci.ts";
import { CapCfgType, VirtioPciCap as Cap } from "../../../spec/virtio/pci.ts";
import type { FunctionModel } from "../model/machine.ts";
import type { Space } from "../events.ts";

/** A structure of a virtio device in one of its BARs (virtio 1.4, 4.1.4). */
export interface Structure {
  readonly space: Space;
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
  /** notify: bytes between two queues' notification addresses, times queue_notify_off. */
  readonly multiplier: number;
}

const SPACES: Readonly<Record<number, Space>> = {
  [CapCfgType.Common]: "common",
  [CapCfgType.Notify]: "notify",
  [CapCfgType.Isr]: "isr",
  [CapCfgType.Device]: "config",
};
const LAST_BAR = 5;

/** A PCI function as far as its configuration space tells: the bytes, where BARs are, which structures are where. */
export class PciFunctionState implements FunctionModel {
  readonly config: Uint8Array;
  /** The usable structures. Of a type there may be several: the first in memory stands in front (virtio 1.4, 4.1.4.1). */
  readonly structures: readonly Structure[];
  /** Offset of the MSI-X capability; 0: none. */
  readonly msixAt: number;
  /** Offsets of the capabilities, in the order of the list. */
  readonly capabilities: readonly number[];

  constructor(
    readonly bdf: string,
    readonly name: string,
    config: Uint8Array,
    private readonly mask: Uint8Array,
  ) {
    this.config = config.slice();
    const caps = this.capabilities = this.listed();
    this.msixAt = caps.find((at) => config[at] === PciCapId.MSIX) ?? 0;
    this.structures = [...this.virtioStructures(caps), ...this.msixStructures()];
  }

  /** Takes in what the driver wrote; a BAR keeps the bits that are its address. */
  write(offset: number, width: number, value: number): void {
    for (let i = 0; i < width; i++) {
      const at = offset + i;
      const byte = value / 2 ** (8 * i) & 0xff;
      this.config[at] = this.config[at] & ~this.mask[at] | byte & this.mask[at];
    }
  }
  u16(at: number): number {
    return this.config[at] | this.config[at + 1] << 8;
  }
  u32(at: number): number {
    return (this.u16(at) | this.u16(at + 2) << 16) >>> 0;
  }
  get command(): number {
    return this.u16(PciCfg.COMMAND);
  }
  get memoryEnabled(): boolean {
    return (this.command & PciCommand.MEMORY) !== 0;
  }
  get portsEnabled(): boolean {
    return (this.command & PciCommand.IO) !== 0;
  }
  get msixEnabled(): boolean {
    return this.msixAt !== 0 && (this.u16(this.msixAt + Msix.CONTROL) & Msix.ENABLE) !== 0;
  }
  /** Vectors of the MSI-X table; 0 without. */
  get vectors(): number {
    return this.msixAt === 0 ? 0 : (this.u16(this.msixAt + Msix.CONTROL) & 0x7ff) + 1;
  }
  /** Whether a BAR is of ports. */
  isPorts(bar: number): boolean {
    return (this.config[PciCfg.BAR0 + 4 * bar] & 1) !== 0;
  }
  /** Address that a BAR holds now. */
  barAddress(bar: number): number {
    const low = this.u32(PciCfg.BAR0 + 4 * bar);
    if ((low & 1) !== 0) return (low & ~3) >>> 0;
    const high = (low & 6) === 4 && bar < LAST_BAR ? this.u32(PciCfg.BAR0 + 4 * bar + 4) : 0;
    return high * 2 ** 32 + ((low & ~15) >>> 0);
  }
  /** Whether a register is the second half of a 64-bit BAR. */
  private isUpperHalf(bar: number): boolean {
    const type = bar === 0 ? 0 : this.config[PciCfg.BAR0 + 4 * (bar - 1)] & 7;
    return type === 4 && !this.isUpperHalf(bar - 1);
  }
  /** Bytes that a BAR covers, by the bits of it that can be written; 0: not implemented. */
  barSize(bar: number): number {
    const at = PciCfg.BAR0 + 4 * bar;
    const bits = (i: number) =>
      (this.mask[at + i] | this.mask[at + i + 1] << 8 | this.mask[at + i + 2] << 16 |
        this.mask[at + i + 3] << 24) >>> 0;
    const low = bits(0);
    return low === 0 || this.isUpperHalf(bar) ? 0 : 2 ** 32 - low;
  }

  private listed(): number[] {
    const list: number[] = [];
    if ((this.u16(PciCfg.STATUS) & PciStatus.CAP_LIST) === 0) return list;
    for (let at = this.config[PciCfg.CAPABILITIES] & ~3; at !== 0 && list.length < 48;) {
      list.push(at);
      at = this.config[at + 1] & ~3;
    }
    return list;
  }
  private virtioStructures(caps: readonly number[]): Structure[] {
    const list: Structure[] = [];
    for (const at of caps) {
      if (this.config[at] !== PciCapId.VENDOR) continue;
      const space = SPACES[this.config[at + Cap.CFG_TYPE]];
      const bar = this.config[at + Cap.BAR];
      const offset = this.u32(at + Cap.OFFSET), length = this.u32(at + Cap.LENGTH);
      if (space === undefined || bar > LAST_BAR || length === 0 || offset + length > this.barSize(bar)) {
        continue;
      }
      const multiplier = space === "notify" ? this.u32(at + Cap.EXTRA) : 0;
      list.push({ space, bar, offset, length, multiplier });
    }
    const ports = ({ bar }: Structure) => this.isPorts(bar) ? 1 : 0;
    return list.sort((a, b) => ports(a) - ports(b));
  }
  private msixStructures(): Structure[] {
    const at = this.msixAt;
    if (at === 0) return [];
    const place = (where: number, space: Space, length: number): Structure => {
      const value = this.u32(where);
      return { space, bar: value & 7, offset: value - (value & 7), length, multiplier: 0 };
    };
    return [
      place(at + Msix.TABLE, "msix", this.vectors * Msix.ENTRY_SIZE),
      place(at + Msix.PBA, "pba", 8 * Math.ceil(this.vectors / 64)),
    ];
  }
}
