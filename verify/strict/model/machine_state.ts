import { PciCfg } from "../../../spec/pci.ts";
import { VIRTIO_PCI_MODERN_BASE, VIRTIO_PCI_VENDOR } from "../../../spec/virtio/pci.ts";
import { AddressMap, type Target } from "../decode/address_map.ts";
import { PciFunctionState } from "../decode/pci_function.ts";
import type { BufferView, RingPart } from "../events.ts";
import { capture, lazyPlace } from "../places.ts";
import type { Place } from "../report.ts";
import { Allocations } from "./allocations.ts";
import { DeviceState } from "./device_state.ts";
import type { GuestBytes } from "./guest_memory.ts";
import type { MachineModel } from "./machine.ts";
import type { RingWorld } from "./ring_state.ts";

/** The last transitional PCI device id (virtio 1.4, 4.1.2). */
const LAST_TRANSITIONAL = 0x103f;

/** A {@link MachineModel} as the engine keeps it. */
export class MachineState implements MachineModel, RingWorld {
  event = -1;
  readonly devices: DeviceState[] = [];
  readonly functions = new Map<string, PciFunctionState>();
  readonly allocations = new Allocations();
  /** A device is at work: the stack says nothing about the driver. */
  deviceActs = false;
  private readonly byFunction = new Map<PciFunctionState, DeviceState>();
  private readonly map: AddressMap;
  /** Names of devices by where they are, from the trace's `device` records. */
  private readonly names = new Map<string, string>();
  /** Addresses of virtio-mmio slots by the names of their buses: `virtio-mmio-bus.3`. */
  private readonly slotNames = new Map<string, string>();

  constructor(
    readonly platform: string,
    private readonly memory: GuestBytes,
    private readonly clock: () => number,
  ) {
    this.map = new AddressMap((base) => {
      const place = `0x${base.toString(16)}`;
      return this.add(new DeviceState(this.names.get(place) ?? `virtio-mmio at ${place}`, "mmio", place));
    });
  }

  get time(): number {
    return this.clock();
  }
  get allocated(): Iterable<BufferView> {
    return this.allocations.all;
  }
  allocationAt(address: number): BufferView | undefined {
    return this.allocations.at(address);
  }
  wasFreed(address: number): BufferView | undefined {
    return this.allocations.freedAt(address);
  }
  isInitialised(address: number, length: number): boolean {
    return this.allocations.isWritten(address, length);
  }
  isRam(address: number, length: number): boolean {
    return this.memory.isRam(address, length);
  }
  u8(address: number): number {
    return this.memory.u8(address);
  }
  u16(address: number): number {
    return this.u8(address) | this.u8(address + 1) << 8;
  }
  u32(address: number): number {
    return (this.u16(address) | this.u16(address + 2) << 16) >>> 0;
  }
  u64(address: number): number {
    return this.u32(address + 4) * 2 ** 32 + this.u32(address);
  }
  bytes(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.memory.copy(address, bytes);
    return bytes;
  }
  hex(address: number, length: number): string {
    return Array.from(this.bytes(address, length), (b) => b.toString(16).padStart(2, "0")).join("");
  }
  partAt(address: number): RingPart | undefined {
    for (const device of this.devices) {
      for (const queue of device.queues.values()) {
        const part = queue.partAt(address);
        if (part !== undefined) return part;
      }
    }
    return undefined;
  }
  place(): Place {
    return this.deviceActs || this.platform === "trace" ? [] : lazyPlace(capture());
  }
  hasSlots(): void {
    this.map.hasSlots = true;
  }
  named(place: string, name: string): void {
    const address = /0x[0-9a-f]+/.exec(place)?.[0] ?? place;
    this.names.set(address, name);
    const bus = /^virtio-mmio-bus\.\d+/.exec(place)?.[0];
    if (bus !== undefined) this.slotNames.set(bus, address);
  }
  target(address: number, ports: boolean): Target | undefined {
    return this.map.find(address, ports);
  }
  deviceOf(fn: PciFunctionState | undefined): DeviceState | undefined {
    return fn === undefined ? undefined : this.byFunction.get(fn);
  }
  /** A device by its name in trace records; slots are named after their bus there. */
  deviceNamed(name: string | undefined): DeviceState | undefined {
    if (name === undefined) return undefined;
    const slot = this.slotNames.get(name);
    return this.devices.find((d) => slot === undefined ? d.name === name : d.place === slot);
  }
  addFunction(bdf: string, name: string, config: Uint8Array, mask: Uint8Array): void {
    const fn = new PciFunctionState(bdf, name, config, mask);
    this.functions.set(bdf, fn);
    const id = fn.u16(PciCfg.DEVICE_ID);
    if (fn.u16(PciCfg.VENDOR_ID) !== VIRTIO_PCI_VENDOR || id < 0x1000 || id > 0x107f) return;
    const device = this.add(new DeviceState(name, "pci", bdf));
    device.virtioId = id > LAST_TRANSITIONAL ? id - VIRTIO_PCI_MODERN_BASE : fn.u16(PciCfg.SUBSYSTEM_ID);
    device.vectors = fn.vectors;
    device.notifyMultiplier = fn.structures.find((s) => s.space === "notify")?.multiplier ?? 0;
    this.byFunction.set(fn, device);
    this.remap();
  }
  /** Configuration space was written: BARs may be elsewhere. */
  remap(): void {
    this.map.rebuild(this.byFunction);
    for (const [fn, device] of this.byFunction) device.msixEnabled = fn.msixEnabled;
  }

  private add(device: DeviceState): DeviceState {
    this.devices.push(device);
    return device;
  }
}
