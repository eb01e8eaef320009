/** A device of a virtio-mmio slot that a test drives by hand, and plays itself: each access is one line. */
import { Barrier, type DeviceMemory, RamDeviceMemory } from "../../../../arch/device_memory.ts";
import { F } from "../../../../spec/virtio/features.ts";
import { MmioReg, VIRTIO_MMIO_BASE, VIRTIO_MMIO_SLOT } from "../../../../spec/virtio/mmio.ts";
import { DeviceStatus as S } from "../../../../spec/virtio/status.ts";
import {
  LiveMemory,
  type Report,
  type Rule,
  Strict,
  WatchedDeviceMemory,
} from "../../../../verify/strict/mod.ts";
import { TracedDeviceMemory } from "../../../../verify/trace/mod.ts";
import { LIVENESS_RULES } from "../../../../verify/strict/rules/liveness/mod.ts";
import { MEMORY_RULES } from "../../../../verify/strict/rules/memory/mod.ts";
import { PACKED_RULES } from "../../../../verify/strict/rules/packed/mod.ts";
import { SPLIT_RULES } from "../../../../verify/strict/rules/split/mod.ts";

export const RING_RULES: readonly Rule[] = [
  ...SPLIT_RULES,
  ...PACKED_RULES,
  ...MEMORY_RULES,
  ...LIVENESS_RULES,
];

const RAM = 4 << 20;
/** The device memory begins here; below it nothing is given out. */
const FIRST = 0x10_0000;

/** A buffer of the test's driver. */
export interface Buffer {
  readonly address: number;
  readonly length: number;
  readonly writable?: boolean;
}

/** Memory in which a device may answer a store of 16 bits before anybody else looks. */
class QuickMemory extends RamDeviceMemory {
  constructor(
    base: number,
    bytes: Uint8Array,
    private readonly stored: (address: number, value: number) => void,
  ) {
    super(base, bytes);
  }
  override writeU16(offset: number, value: number): void {
    super.writeU16(offset, value);
    this.stored(this.base + offset, value);
  }
}

export class Bench {
  /** A device that acts within the driver's store of 16 bits. */
  quick: ((address: number, value: number) => void) | undefined;
  readonly ram = new Uint8Array(RAM);
  readonly strict: Strict;
  readonly memory: DeviceMemory;
  time = 0;
  private next = FIRST;
  private readonly owners = new Map<number, { length: number; owner: string }>();

  /** @param platform `trace`: the strict machine sees what a trace says, and no reads. */
  constructor(readonly features: bigint, platform = "simulated", rules: readonly Rule[] = RING_RULES) {
    const inner = new QuickMemory(0, this.ram, (address, value) => this.quick?.(address, value));
    this.strict = new Strict({
      rules,
      platform,
      memory: new LiveMemory(() => [{ base: 0, bytes: this.ram }]),
    });
    this.strict.clock = () => this.time;
    this.memory = platform === "trace"
      ? new TracedDeviceMemory(inner, this.strict)
      : new WatchedDeviceMemory(inner, this.strict);
    this.strict.emit({ ev: "machine", machine: "microvm", memory: RAM, commandLine: "" });
    for (let slot = 0; slot < 2; slot++) {
      const place = `virtio-mmio-bus.${slot} at 0x${
        (VIRTIO_MMIO_BASE + slot * VIRTIO_MMIO_SLOT).toString(16)
      }`;
      this.strict.emit({ ev: "device", driver: "virtio-rng-device", name: `virtio-rng.${slot}`, place });
    }
    this.setStatus(0);
    this.register(MmioReg.STATUS, 0, false);
    this.setStatus(S.ACKNOWLEDGE | S.DRIVER);
    for (const word of [0, 1]) {
      this.register(MmioReg.DRIVER_FEATURES_SEL, word);
      this.register(MmioReg.DRIVER_FEATURES, Number(features >> BigInt(32 * word) & 0xffff_ffffn));
    }
    this.setStatus(S.ACKNOWLEDGE | S.DRIVER | S.FEATURES_OK);
  }

  get live(): number {
    return S.ACKNOWLEDGE | S.DRIVER | S.FEATURES_OK | S.DRIVER_OK;
  }
  has(feature: bigint): boolean {
    return (this.features & feature) !== 0n;
  }
  setStatus(value: number): void {
    this.register(MmioReg.STATUS, value);
  }
  register(offset: number, value: number, write = true): void {
    const addr = VIRTIO_MMIO_BASE + offset;
    this.strict.emit({ ev: write ? "mmio_write" : "mmio_read", addr, width: 4, value });
  }
  notify(value = 0): void {
    this.register(MmioReg.QUEUE_NOTIFY, value);
  }
  /** Device memory for the test's driver; addresses are guest-physical. */
  allocate(length: number, owner = "test buffer"): number {
    const phys = this.next;
    this.next += Math.ceil(length / 4096) * 4096;
    this.owners.set(phys, { length, owner });
    this.strict.allocated({ phys, length, owner }, false);
    return phys;
  }
  free(phys: number): void {
    const memory = this.owners.get(phys)!;
    this.owners.delete(phys);
    this.strict.freed({ phys, ...memory }, false);
  }
  /** A buffer that the device reads, filled. */
  readable(length = 32): Buffer {
    const address = this.allocate(length);
    this.memory.fill(address, length, 0x5a);
    return { address, length };
  }
  /** A buffer that the device writes. */
  writable(length = 32): Buffer {
    return { address: this.allocate(length), length, writable: true };
  }
  barrier(kind: "read" | "write" | "general"): void {
    const dma = this.has(F.ORDER_PLATFORM);
    const kinds = {
      read: dma ? Barrier.DmaRead : Barrier.SmpRead,
      write: dma ? Barrier.DmaWrite : Barrier.SmpWrite,
      general: dma ? Barrier.DmaGeneral : Barrier.SmpGeneral,
    };
    this.memory.barrier(kinds[kind]);
  }
  write64(at: number, value: number): void {
    this.memory.writeU32(at, value % 2 ** 32);
    this.memory.writeU32(at + 4, Math.floor(value / 2 ** 32));
  }
  /** The device writes. */
  deviceWrites(address: number, bytes: readonly number[]): void {
    this.ram.set(bytes, address);
    const hex = bytes.map((b) => b.toString(16).padStart(2, "0")).join("");
    this.strict.emit({ ev: "mem_write", by: "device", addr: address, hex });
  }
  /** The CPU is halted. */
  idle(): void {
    this.strict.emit({ ev: "idle" });
  }
  /** Sets up queue 0 of the device. */
  enableQueue(size: number, desc: number, driver: number, device: number): void {
    this.register(MmioReg.QUEUE_SEL, 0);
    this.register(MmioReg.QUEUE_NUM_MAX, 1024, false);
    this.register(MmioReg.QUEUE_NUM, size);
    for (
      const [low, value] of [[MmioReg.QUEUE_DESC_LOW, desc], [MmioReg.QUEUE_DRIVER_LOW, driver], [
        MmioReg.QUEUE_DEVICE_LOW,
        device,
      ]]
    ) {
      this.register(low, value);
      this.register(low + 4, 0);
    }
    this.register(MmioReg.QUEUE_READY, 1);
  }
  get reports(): readonly Report[] {
    return this.strict.reports;
  }
  /** Ids of the rules that were broken, each once. */
  get broken(): string[] {
    return [...new Set(this.reports.map((r) => r.rule))];
  }
}

/** 16, 32 bits, little-endian. */
export const le16 = (value: number): number[] => [value & 0xff, value >> 8 & 0xff];
export const le32 = (value: number): number[] => [...le16(value & 0xffff), ...le16(value >>> 16)];
