/** A machine as small as can be around one virtio device, and a driver that writes registers where it is told. */
import { AddressSpace, type MachineContext } from "../../../devices/bus.ts";
import type { Chardev, ChardevFrontend } from "../../../devices/chardev.ts";
import { EventQueue, Random } from "../../../devices/events.ts";
import type { NetBackend, NetFrontend } from "../../../devices/net/backend.ts";
import { GuestMemory } from "../../../devices/guest_memory.ts";
import { PciBus } from "../../../devices/pci/mod.ts";
import {
  findDriver,
  type VirtioDevice,
  VirtioMmio,
  type VirtioPci,
  type VirtioSerial,
} from "../../../devices/virtio/mod.ts";
import type { TraceEvent } from "../../../spec/trace.ts";

export const SLOT = 4;
export const BAR4 = 0xe000_0000;
export const MSIX_BAR = 0xe010_0000;
export const LEGACY_BAR = 0xc000;
export const COMMON = BAR4, ISR = BAR4 + 0x1000, DEVICE = BAR4 + 0x2000, NOTIFY = BAR4 + 0x3000;

/** Reads a file of reference data. */
// deno-lint-ignore no-explicit-any
export function reference(name: string): any {
  return JSON.parse(Deno.readTextFileSync(new URL(`../../data/qemu-7.2/${name}.json`, import.meta.url)));
}
/** The bytes of rows of hex digits. */
export const bytesOf = (rows: string | string[]) => Uint8Array.fromHex([rows].flat().join(""));

export class TestChardev implements Chardev {
  readonly id = "c0";
  output = "";
  accepts = 0;
  frontend: ChardevFrontend | undefined;
  write(bytes: Uint8Array): void {
    this.output += new TextDecoder("latin1").decode(bytes);
  }
  attach(frontend: ChardevFrontend): void {
    this.frontend = frontend;
  }
  acceptInput(): void {
    this.accepts++;
  }
}

/** A cable whose other end is the test. */
export class TestNetdev implements NetBackend {
  readonly id = "n0";
  readonly sent: Uint8Array[] = [];
  accepts = 0;
  /** Whether it takes frames. */
  open = true;
  queues = 1;
  frontend: NetFrontend | undefined;
  attach(frontend: NetFrontend): void {
    this.frontend = frontend;
  }
  canSend(): boolean {
    return this.open;
  }
  send(frame: Uint8Array): void {
    this.sent.push(frame.slice());
  }
  acceptInput(): void {
    this.accepts++;
  }
}

export class Rig {
  readonly ram = new Uint8Array(1 << 20);
  readonly events: TraceEvent[] = [];
  readonly trace = { on: true, emit: (e: TraceEvent) => void this.events.push(e) };
  readonly memory = new AddressSpace();
  readonly ports = new AddressSpace();
  readonly messages: { address: number; data: number }[] = [];
  readonly chardev = new TestChardev();
  readonly netdev = new TestNetdev();
  readonly bus = new PciBus(this.memory, this.ports);
  readonly ctx: MachineContext = {
    memory: new GuestMemory([{ base: 0, bytes: this.ram }]),
    events: new EventQueue(),
    random: new Random(1),
    trace: this.trace,
    latency: 100,
    sendMsi: (address, data) => void this.messages.push({ address, data }),
  };
  /** Levels of the interrupt line, as they changed. */
  readonly line: string[] = [];
  readonly dram = new DataView(this.ram.buffer);
  device!: VirtioDevice;
  pci!: VirtioPci;
  mmio!: VirtioMmio;

  /** Creates devices from words as `-device` takes them; the first goes on the bus. */
  constructor(words: string[], readonly legacyMmio = false) {
    for (const word of words) this.create(word);
  }
  protected create(word: string): void {
    const [driver, ...rest] = word.split(",");
    const props = Object.fromEntries(rest.map((p) => p.split("=") as [string, string]));
    const created = findDriver(driver)!.create(this.ctx, props, {
      name: `${driver}.0`,
      chardev: () => this.chardev,
      netdev: () => this.netdev,
      serial: this.device as VirtioSerial,
    });
    if (created.device !== undefined) this.device = created.device;
    if (created.pci !== undefined) {
      this.pci = created.pci;
      this.bus.add(this.pci, created.place?.slot ?? SLOT);
      this.pci.intx = { set: (level) => void this.line.push(level ? "raise" : "lower") };
    } else if (created.device !== undefined) {
      this.mmio = new VirtioMmio("virtio-mmio-bus.0", this.legacyMmio, this.ctx);
      this.mmio.irq = { set: (level) => void this.line.push(level ? "raise" : "lower") };
      this.mmio.plug(created.device);
    }
  }

  cfg(offset: number, width = 4): number {
    return this.bus.configRead(0, SLOT, 0, offset, width);
  }
  setCfg(offset: number, width: number, value: number): void {
    this.bus.configWrite(0, SLOT, 0, offset, width, value);
  }
  /** Places the windows and lets the device decode and be bus master. */
  enable(command = 7): this {
    this.setCfg(0x10, 4, LEGACY_BAR);
    this.setCfg(0x14, 4, MSIX_BAR);
    this.setCfg(0x20, 4, BAR4);
    this.setCfg(0x24, 4, 0);
    this.setCfg(4, 2, command);
    return this;
  }
  read(address: number, width: number): number {
    return this.memory.read(address, width);
  }
  write(address: number, width: number, value: number): void {
    this.memory.write(address, width, value);
  }
  common(offset: number, width: number): number {
    return this.read(COMMON + offset, width);
  }
  setCommon(offset: number, width: number, value: number): void {
    this.write(COMMON + offset, width, value);
  }
  get status(): number {
    return this.common(0x14, 1);
  }
  set status(value: number) {
    this.setCommon(0x14, 1, value);
  }
  /** Up to FEATURES_OK, with VERSION_1 and these bits of word 0 and 1. */
  negotiate(word0 = 0, word1 = 1): this {
    this.status = 0;
    this.status = 1;
    this.status = 3;
    for (const [i, word] of [word0, word1].entries()) {
      this.setCommon(8, 4, i);
      this.setCommon(12, 4, word);
    }
    this.status = 11;
    return this;
  }
  /** Sets a queue up with its areas at `base`, `base + 0x1000` and `base + 0x2000`. */
  queue(index: number, base: number, size = 8): this {
    this.setCommon(0x16, 2, index);
    this.setCommon(0x18, 2, size);
    for (const [i, at] of [base, base + 0x1000, base + 0x2000].entries()) {
      this.setCommon(0x20 + 8 * i, 4, at);
      this.setCommon(0x24 + 8 * i, 4, 0);
    }
    this.setCommon(0x1c, 2, 1);
    return this;
  }
  /** Writes a descriptor: split `flags, next`, packed `id, flags` (in memory order). */
  desc(at: number, addr: number, len: number, a: number, b: number): void {
    this.dram.setBigUint64(at, BigInt(addr), true);
    this.dram.setUint32(at + 8, len, true);
    this.dram.setUint16(at + 12, a, true);
    this.dram.setUint16(at + 14, b, true);
  }
  /** Makes chain `head` available on the split queue at `base`, as entry number `n`. */
  avail(base: number, head: number, n: number, size = 8): void {
    this.dram.setUint16(base + 0x1000 + 4 + 2 * (n % size), head, true);
    this.dram.setUint16(base + 0x1000 + 2, n + 1, true);
  }
  /** The used entries of the split queue at `base`. */
  used(base: number): { id: number; len: number }[] {
    const at = base + 0x2000;
    return Array.from({ length: this.dram.getUint16(at + 2, true) }, (_, i) => ({
      id: this.dram.getUint32(at + 4 + 8 * i, true),
      len: this.dram.getUint32(at + 8 + 8 * i, true),
    }));
  }
  notify(queue: number, width = 2, value = queue): void {
    this.write(NOTIFY + 4 * queue, width, value);
    this.run();
  }
  /** Lets devices act. */
  run(): void {
    this.ctx.events.advance(1000);
  }
  named(name: string): string[] {
    return this.events.flatMap((e) => e.ev === "qemu" && e.name === name ? [e.text] : []);
  }
}
