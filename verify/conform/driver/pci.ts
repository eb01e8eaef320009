import type { Width } from "../../../arch/platform.ts";
import { Msix, PciCapId, PciCfg, PciCommand } from "../../../spec/pci.ts";
import { CapCfgType, CommonCfg as C, NO_VECTOR, VirtioPciCap as Cap } from "../../../spec/virtio/pci.ts";
import type { World } from "../world.ts";
import { Area, Front, type QueueSetUp } from "./front.ts";
import { findVirtio, PciConfig, type Place } from "./pci_config.ts";

/** Where BARs are put: legacy ports, MSI-X, registers. Each further device gets the next stretch. */
const BASES = { legacy: 0xc000, msix: 0xf000_0000, modern: 0xe000_0000 };
const STRIDES = { legacy: 0x100, msix: 0x10_0000, modern: 0x80_0000 };
const IO_MEMORY_MASTER = 7;

/** The driver of a virtio function on the root bus. */
export class PciFront extends Front {
  override readonly kind = "pci";
  readonly cfg: PciConfig;
  readonly bases: { readonly legacy: number; readonly msix: number; readonly modern: number };
  /** Guest-physical addresses of the structures; 0 where the device has none. */
  readonly common: number = 0;
  readonly isr: number = 0;
  readonly device: number = 0;
  readonly notify: number = 0;
  readonly multiplier: number = 0;
  /** Offsets of capabilities; 0 where the device has none. */
  readonly msix: number;
  readonly window: number;
  readonly vectors: number;

  constructor(world: World, readonly place: Place, n = 0) {
    super(world);
    this.cfg = new PciConfig(world, place);
    this.bases = {
      legacy: BASES.legacy + n * STRIDES.legacy,
      msix: BASES.msix + n * STRIDES.msix,
      modern: BASES.modern + n * STRIDES.modern,
    };
    // One walk: with configuration mechanism 1 each look at a register is two accesses.
    const found = this.cfg.capabilities();
    this.msix = found.find((c) => c.id === PciCapId.MSIX)?.at ?? 0;
    this.vectors = this.msix === 0 ? 0 : (this.cfg.read(this.msix + Msix.CONTROL, 2) & 0x7ff) + 1;
    const types = new Map(
      found.filter((c) => c.id === PciCapId.VENDOR).map((c) => [this.cfg.read(c.at + Cap.CFG_TYPE, 1), c.at]),
    );
    const structure = (type: number) => {
      const at = types.get(type);
      return at === undefined ? 0 : this.bases.modern + this.cfg.read(at + Cap.OFFSET);
    };
    this.window = types.get(CapCfgType.Pci) ?? 0;
    this.common = structure(CapCfgType.Common);
    this.isr = structure(CapCfgType.Isr);
    this.device = structure(CapCfgType.Device);
    this.notify = structure(CapCfgType.Notify);
    const notify = types.get(CapCfgType.Notify);
    this.multiplier = notify === undefined ? 0 : this.cfg.read(notify + Cap.EXTRA);
  }

  /** The driver of the n-th virtio function. */
  static find(world: World, n = 0): PciFront {
    const place = findVirtio(world)[n];
    if (place === undefined) throw new Error(`there is no virtio function ${n} on the bus`);
    return new PciFront(world, place, n);
  }

  override read(offset: number, width: Width = 4): number {
    return this.load(this.common + offset, width);
  }
  override write(offset: number, value: number, width: Width = 4): void {
    this.store(this.common + offset, width, value);
  }
  override get status(): number {
    return this.read(C.DEVICE_STATUS, 1);
  }
  override set status(value: number) {
    this.write(C.DEVICE_STATUS, value, 1);
  }
  override takeIsr(): number {
    return this.load(this.isr, 1);
  }
  override get generation(): number {
    return this.read(C.CONFIG_GENERATION, 1);
  }
  override offered(i: number): number {
    this.write(C.DEVICE_FEATURE_SELECT, i);
    return this.read(C.DEVICE_FEATURE);
  }
  override accept(i: number, word: number): void {
    this.write(C.DRIVER_FEATURE_SELECT, i);
    this.write(C.DRIVER_FEATURE, word);
  }
  override select(queue: number): void {
    this.write(C.QUEUE_SELECT, queue, 2);
  }
  override setQueue(queue: QueueSetUp, enable = true): void {
    this.select(queue.index);
    this.write(C.QUEUE_SIZE, queue.size, 2);
    for (
      const [at, address] of [[C.QUEUE_DESC, queue.desc], [C.QUEUE_DRIVER, queue.driver], [
        C.QUEUE_DEVICE,
        queue.device,
      ]]
    ) {
      this.write(at, address % 2 ** 32);
      this.write(at + 4, Math.floor(address / 2 ** 32));
    }
    if (enable) this.write(C.QUEUE_ENABLE, 1, 2);
  }
  override kick(queue: number): void {
    this.store(this.notify + queue * this.multiplier, 2, queue);
  }
  override config(offset: number, width: Width = 4): number {
    return this.load(this.device + offset, width);
  }
  override setConfig(offset: number, value: number, width: Width = 4): void {
    this.store(this.device + offset, width, value);
  }

  // MSI-X.

  get msixControl(): number {
    return this.cfg.read(this.msix + Msix.CONTROL, 2);
  }
  set msixControl(value: number) {
    this.cfg.write(this.msix + Msix.CONTROL, value, 2);
  }
  /** Fills a table entry: the message of vector v is `0x5000 + v`, and goes to its own word of memory. */
  setVector(vector: number, masked = false, address: number = Area.MESSAGES + 4 * vector): void {
    const at = this.bases.msix + Msix.ENTRY_SIZE * vector;
    this.store(at, 4, address % 2 ** 32);
    this.store(at + 4, 4, Math.floor(address / 2 ** 32));
    this.store(at + 8, 4, 0x5000 + vector);
    this.store(at + 12, 4, masked ? 1 : 0);
  }
  maskVector(vector: number, masked: boolean): void {
    this.store(this.bases.msix + Msix.ENTRY_SIZE * vector + 12, 4, masked ? 1 : 0);
  }
  /** Assigns a vector to the configuration or to a queue; answers what reads back. */
  assign(what: "config" | number, vector: number): number {
    if (what === "config") {
      this.write(C.CONFIG_MSIX_VECTOR, vector, 2);
      return this.read(C.CONFIG_MSIX_VECTOR, 2);
    }
    this.select(what);
    this.write(C.QUEUE_MSIX_VECTOR, vector, 2);
    return this.read(C.QUEUE_MSIX_VECTOR, 2);
  }
  /** The messages that arrived since the last call, by vector: 0 where none did. */
  takeMessages(count = this.vectors): number[] {
    const found: number[] = [];
    for (let v = 0; v < count; v++) {
      found.push(this.memory.getUint32(Area.MESSAGES + 4 * v, true));
      this.memory.setUint32(Area.MESSAGES + 4 * v, 0, true);
    }
    return found;
  }
  /** The first word of the pending bits. */
  get pending(): number {
    return this.load(this.bases.msix + (this.cfg.read(this.msix + Msix.PBA) & ~7) >>> 0, 4);
  }

  /** Puts BARs to their places and switches decoding and bus mastering on. */
  placeBars(): void {
    const { cfg, bases } = this;
    cfg.write(PciCfg.COMMAND, 0, 2);
    cfg.write(PciCfg.BAR0, bases.legacy);
    cfg.write(PciCfg.BAR0 + 4, bases.msix);
    cfg.write(PciCfg.BAR0 + 16, bases.modern);
    cfg.write(PciCfg.BAR0 + 20, 0);
    cfg.write(PciCfg.COMMAND, IO_MEMORY_MASTER, 2);
  }

  protected override rewindDevice(): void {
    // A device at work sees its windows move, and QEMU's then looks at its rings again: it is stopped first.
    if (this.common !== 0 && (this.cfg.read(PciCfg.COMMAND, 2) & PciCommand.MEMORY) !== 0) this.status = 0;
    this.placeBars();
    this.cfg.write(PciCfg.INTERRUPT_LINE, 0, 1);
    if (this.msix !== 0) {
      this.msixControl = 0;
      for (let v = 0; v < Math.min(this.vectors, 4); v++) {
        const at = this.bases.msix + Msix.ENTRY_SIZE * v;
        for (const [word, value] of [[12, 1], [0, 0], [4, 0], [8, 0]]) this.store(at + word, 4, value);
      }
    }
    if (this.window !== 0) {
      for (const at of [Cap.OFFSET, Cap.LENGTH]) this.cfg.write(this.window + at, 0);
      this.cfg.write(this.window + Cap.BAR, 0, 1);
    }
    if (this.common === 0) return;
    this.status = 0;
    this.accept(1, 0);
    this.accept(0, 0);
    this.write(C.DEVICE_FEATURE_SELECT, 0);
    this.takeIsr();
  }
}

export { NO_VECTOR };
