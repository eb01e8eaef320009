import { VIRTIO_MMIO_BASE, VIRTIO_MMIO_SLOT, VIRTIO_MMIO_SLOTS } from "../../../spec/virtio/mmio.ts";
import type { Space } from "../events.ts";
import type { DeviceState } from "../model/device_state.ts";
import type { PciFunctionState } from "./pci_function.ts";

/** Where an address leads. */
export interface Target {
  readonly device: DeviceState;
  readonly space: Space;
  /** Bytes from the start of the structure. */
  readonly offset: number;
}

interface Window {
  readonly base: number;
  readonly length: number;
  readonly ports: boolean;
  readonly device: DeviceState;
  readonly space: Space;
}

/** Which register an address is, as BARs and slots stand. */
export class AddressMap {
  private windows: Window[] = [];
  private readonly slots = new Map<number, DeviceState>();

  /** @param makeSlot called for a virtio-mmio slot when it is first accessed. */
  constructor(private readonly makeSlot: (base: number) => DeviceState) {}

  /** The machine has virtio-mmio slots. */
  hasSlots = false;

  /** BARs, or what is enabled, have changed. */
  rebuild(functions: Iterable<readonly [PciFunctionState, DeviceState]>): void {
    this.windows = [];
    for (const [fn, device] of functions) {
      for (const { space, bar, offset, length } of fn.structures) {
        const ports = fn.isPorts(bar);
        if (ports ? fn.portsEnabled : fn.memoryEnabled) {
          this.windows.push({ base: fn.barAddress(bar) + offset, length, ports, device, space });
        }
      }
      for (let bar = 0; bar < 6; bar++) {
        const length = fn.barSize(bar);
        const ports = fn.isPorts(bar);
        if (length === 0 || !(ports ? fn.portsEnabled : fn.memoryEnabled)) continue;
        const space = ports ? "legacy" : "other";
        this.windows.push({ base: fn.barAddress(bar), length, ports, device, space });
      }
    }
  }

  find(address: number, ports: boolean): Target | undefined {
    for (const w of this.windows) {
      if (w.ports !== ports || address < w.base || address >= w.base + w.length) continue;
      return { device: w.device, space: w.space, offset: address - w.base };
    }
    const slot = Math.floor((address - VIRTIO_MMIO_BASE) / VIRTIO_MMIO_SLOT);
    if (ports || !this.hasSlots || slot < 0 || slot >= VIRTIO_MMIO_SLOTS) return undefined;
    const base = VIRTIO_MMIO_BASE + slot * VIRTIO_MMIO_SLOT;
    let device = this.slots.get(base);
    if (device === undefined) this.slots.set(base, device = this.makeSlot(base));
    return { device, space: "mmio", offset: address - base };
  }
}
