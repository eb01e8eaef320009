import type { Width } from "../../../arch/platform.ts";
import { physAddr } from "../../../arch/addresses.ts";
import type { World } from "../world.ts";
import type { Place } from "./program.ts";
import type { Target } from "./targets.ts";

/** Where the executor puts the windows of the PCI device that is looked at, at slot 1 of q35. */
export const ECAM = 0xb000_0000;
const SLOT = 1;
const BAR0_PORT = 0xc000, BAR1 = 0xe000_0000, BAR4 = 0xe001_0000;
/** QEMU fills microvm's transports from the last one on: 24 of them, 0x200 apart. */
const MMIO = 0xfeb0_0000 + 23 * 0x200;

/** Offsets of structures in BAR 4, as the capabilities say. */
const IN_BAR4 = { common: 0, isr: 0x1000, device: 0x2000, notify: 0x3000 } as const;

/** Offsets in PCI configuration space of QEMU's capabilities. */
export const Cap = { pciCfg: 0x84, msix: 0x98 } as const;

/** What the executor writes to put the windows where programs expect them: offset, width, value. */
export const PCI_WINDOWS: readonly (readonly [number, Width, number])[] = [
  [0x04, 2, 0],
  [0x10, 4, BAR0_PORT],
  [0x14, 4, BAR1],
  [0x20, 4, BAR4],
  [0x24, 4, 0],
  [0x0c, 1, 0],
  [0x3c, 1, 0],
  [Cap.pciCfg + 4, 1, 0],
  [Cap.pciCfg + 8, 4, 0],
  [Cap.pciCfg + 12, 4, 0],
  [Cap.pciCfg + 16, 4, 0],
  [Cap.msix + 2, 2, 0],
  [0x04, 2, 7],
];

/** Registers of a target's device in one world. */
export class Registers {
  constructor(private readonly world: World, private readonly target: Target) {}

  /** Once in a machine's life: makes configuration space visible as memory. */
  powerOn(): void {
    if (this.target.mmio) return;
    const { platform } = this.world;
    for (const [register, value] of [[0x64, 0], [0x60, ECAM | 1]]) {
      platform.portWrite(0xcf8, 4, 0x8000_0000 | register);
      platform.portWrite(0xcfc, 4, value >>> 0);
    }
  }
  read(at: Place, off: number, width: Width): number {
    const { platform } = this.world;
    if (at === "legacy") return platform.portRead(BAR0_PORT + off, width);
    return platform.mmioRead(physAddr(address(at) + off), width);
  }
  write(at: Place, off: number, width: Width, value: number): void {
    const { platform } = this.world;
    if (at === "legacy") platform.portWrite(BAR0_PORT + off, width, value);
    else platform.mmioWrite(physAddr(address(at) + off), width, value);
  }
  /** Device status, which a read does not change. */
  status(): number {
    return this.target.mmio ? this.read("mmio", 0x70, 4) : this.read("common", 0x14, 1);
  }
  setStatus(value: number): void {
    if (this.target.mmio) this.write("mmio", 0x70, 4, value);
    else this.write("common", 0x14, 1, value);
  }
}

function address(at: Place): number {
  switch (at) {
    case "cfg":
      return ECAM + (SLOT << 15);
    case "msix":
      return BAR1;
    case "mmio":
      return MMIO;
    case "legacy":
      return BAR0_PORT;
    default:
      return BAR4 + IN_BAR4[at];
  }
}
