import { alignDown, hex, type PhysAddr, physAddr } from "../arch/addresses.ts";
import { IoMemory } from "../arch/io_memory.ts";
import {
  MMIO_MAGIC,
  MMIO_VERSION,
  MmioReg,
  VIRTIO_MMIO_BASE,
  VIRTIO_MMIO_SLOT,
} from "../spec/virtio/mmio.ts";
import { VirtioId, virtioIdName } from "../spec/virtio/ids.ts";
import type { DriverContext } from "./context.ts";

const PAGE = 4096;

/** A virtio-mmio window: its registers and its interrupt line. */
export interface MmioSlot {
  readonly address: PhysAddr;
  /** Bytes. */
  readonly length: number;
  /** Pin over all IOAPICs: the second begins at 24. */
  readonly irq: number;
}

/** A window with a device behind it. */
export interface MmioDevice {
  readonly slot: MmioSlot;
  readonly registers: IoMemory;
  readonly deviceId: number;
}

/** Windows from the command line, or else guessed; those with a device of version 2 behind them. */
export function findMmioDevices(ctx: DriverContext): MmioDevice[] {
  const slots = ctx.mmioDevices.length > 0
    ? ctx.mmioDevices.flatMap((arg) => parseMmioArgument(arg, ctx) ?? [])
    : guessSlots(ctx);
  // Eight transports share a page, and a page is mapped once.
  const mapped = new Set<number>();
  return slots.flatMap((slot) => detect(slot, mapped, ctx) ?? []);
}

/**
 * Parses `SIZE@ADDRESS:IRQ[:ID]`, Linux's `virtio_mmio.device=`. Size with K or M, `4K` or `512` for instance.
 * Anything else is logged and gives undefined.
 *
 * ```ts
 * import { NO_LOG } from "./context.ts";
 * import { parseMmioArgument } from "./mmio.ts";
 * console.assert(parseMmioArgument("4K@0xfeb00000:5", { log: NO_LOG })?.irq === 5);
 * ```
 */
export function parseMmioArgument(arg: string, ctx: Pick<DriverContext, "log">): MmioSlot | undefined {
  const match = /^(0x[0-9a-f]+|\d+)([KM]?)@(0x[0-9a-f]+|\d+):(\d+)(?::\d+)?$/i.exec(arg.trim());
  if (match === null) {
    ctx.log.warn(`virtio_mmio.device=${arg}: expected SIZE@ADDRESS:IRQ, for example 4K@0xfeb00000:5`);
    return undefined;
  }
  const unit = { "": 1, K: 1024, M: 1024 * 1024 }[match[2].toUpperCase()] ?? 1;
  const length = Number(match[1]) * unit;
  const address = Number(match[3]);
  const irq = Number(match[4]);
  if (length < MmioReg.CONFIG || address % 4 !== 0 || address + length > 2 ** 52 || irq > 255) {
    ctx.log.warn(
      `virtio_mmio.device=${arg}: expected at least ${MmioReg.CONFIG} bytes at a multiple of 4 and an IRQ below 256`,
    );
    return undefined;
  }
  return { address: physAddr(address), length, irq };
}

/** Second IOAPIC of QEMU's microvm: index register, and data at +0x10. Index 1 is the version. */
const SECOND_IOAPIC = 0xfec1_0000;

/**
 * The slots of QEMU's microvm (hw/i386/microvm.c). Hermit knows only the first row. The third cannot be told from the
 * first by looking at registers: there the slots must be given as `virtio_mmio.device=` on the command line.
 *
 * | machine         | transports | first IRQ | how it is recognized         |
 * | --------------- | ---------- | --------- | ---------------------------- |
 * | acpi=off        | 8          | 5         | no second IOAPIC             |
 * | default         | 24         | 24        | a second IOAPIC has a version |
 * | ioapic2=off     | 8          | 16        | not                          |
 */
function guessSlots(ctx: DriverContext): MmioSlot[] {
  const { platform } = ctx;
  ctx.paging.identityMap(physAddr(SECOND_IOAPIC), PAGE);
  platform.mmioWrite(physAddr(SECOND_IOAPIC), 4, 1);
  const version = platform.mmioRead(physAddr(SECOND_IOAPIC + 0x10), 4);
  const second = version !== 0 && version !== 0xffff_ffff;
  return Array.from({ length: second ? 24 : 8 }, (_, i) => ({
    address: physAddr(VIRTIO_MMIO_BASE + i * VIRTIO_MMIO_SLOT),
    length: VIRTIO_MMIO_SLOT,
    irq: (second ? 24 : 5) + i,
  }));
}

/** Looks at magic, version and device id (virtio 1.4, 4.2.3.1.1), in this order; logs why a window is left alone. */
function detect(slot: MmioSlot, mapped: Set<number>, ctx: DriverContext): MmioDevice | undefined {
  const { log } = ctx;
  const where = hex(slot.address);
  log.trace(`Trying to detect MMIO device at ${where}...`);
  for (let page = alignDown(slot.address, PAGE); page < slot.address + slot.length; page += PAGE) {
    if (mapped.has(page)) continue;
    mapped.add(page);
    ctx.paging.identityMap(physAddr(page), PAGE);
  }
  const registers = new IoMemory(ctx.platform, slot.address, slot.length, `virtio-mmio at ${where}`);
  const magic = registers.read(MmioReg.MAGIC_VALUE, 4);
  if (magic !== MMIO_MAGIC) {
    log.trace(`It's not a MMIO-device at ${where} (magic ${hex(magic)}, expected ${hex(MMIO_MAGIC)})`);
    return undefined;
  }
  const version = registers.read(MmioReg.VERSION, 4);
  const deviceId = registers.read(MmioReg.DEVICE_ID, 4);
  if (version !== MMIO_VERSION) {
    const message =
      `Found a legacy device, which isn't supported, at ${where} (version ${version}, expected 2)`;
    // Every empty slot has a version, too.
    if (deviceId === VirtioId.Reserved) log.trace(message);
    else log.warn(message);
    return undefined;
  }
  if (deviceId === VirtioId.Reserved) {
    log.trace(`No device in the slot at ${where}`);
    return undefined;
  }
  log.info(`Found Virtio ${virtioIdName(deviceId)} device: ${where}`);
  return { slot, registers, deviceId };
}
