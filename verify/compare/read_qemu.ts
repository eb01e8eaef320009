import { Decoder, idOfName, typeOf } from "./decoder.ts";
import { BrokenLine, DeviceLines } from "./device_lines.ts";
import { Messages } from "./messages.ts";
import { PciTracker } from "./pci.ts";
import type { Recording } from "./recording.ts";
import { registerName, type Structure } from "./registers.ts";
import { type Format, type Kind, TraceInputError } from "./steps.ts";

/** `12345@1234.567890:` in front of a line: process and time, as `-msg timestamp=on` and other log back ends write. */
const PREFIX = /^(?:\d+@\d+(?:\.\d+)?:|\d{4}-\d\d-\d\dT[\d:.]+Z?\s+)/;
const EVENT = /^([a-z][a-z0-9]*(?:_[a-z0-9]+)+) (.*)$/;
const ACCESS =
  /^cpu (-?\d+)(?: mr (0x[0-9a-f]+))? addr 0x([0-9a-f]+) value 0x([0-9a-f]+) size (\d+) name '([^']*)'$/;
const CONFIG = /^(\S+) (?:([0-9a-f]{2}:[0-9a-f]{2}\.[0-7])|(\d+:\d+)) @0x([0-9a-f]+) (->|<-) 0x([0-9a-f]+)$/;
const PAGE = 4096;
/** The window of QEMU's devices: structures of 4 KiB in this order from an address that is a multiple of 16 KiB. */
const WINDOW: readonly Structure[] = ["common", "isr", "device", "notify"];

/** Reads QEMU's `-trace` log, or ours in its words, line by line. */
export class QemuLogReader {
  readonly decoder: Decoder;
  private readonly pci: PciTracker;
  private readonly lines: DeviceLines;
  private readonly messages: Messages;
  private readonly byName = new Map<string, number>();
  private readonly families = new Set<string>();
  private last = -1;
  private kicks = 0;
  private notified = 0;
  private events = 0;

  constructor(private readonly out: Recording) {
    this.decoder = new Decoder(out);
    this.pci = new PciTracker(this.decoder);
    this.messages = new Messages(this.decoder);
    this.lines = new DeviceLines(this.decoder, (name) => this.named(name, name));
  }

  /** @throws {TraceInputError} for a line with the name of an event, but not its words. */
  line(text: string, n: number): void {
    const m = EVENT.exec(text.replace(PREFIX, ""));
    if (m === null) {
      this.out.leaveOut("lines that are no events");
      return;
    }
    const [, name, words] = m;
    this.events++;
    try {
      if (name === "memory_region_ops_read" || name === "memory_region_ops_write") {
        this.access(words, name.endsWith("write"), n);
      } else if (name === "pci_cfg_read" || name === "pci_cfg_write") {
        this.config(words, name.endsWith("write"), n);
      } else if (this.lines.read(name, words, n)) {
        this.families.add(name.startsWith("virtq") ? "virtqueue" : "virtio");
        if (name === "virtio_queue_notify") this.notified++;
      } else {
        this.hint(name, words);
        this.out.leaveOut(`${name} lines`);
      }
    } catch (e) {
      if (!(e instanceof BrokenLine)) throw e;
      throw new TraceInputError(`${this.out.file}:${n}: ${e.message}`);
    }
  }

  /** Whether an event was seen. */
  get isLog(): boolean {
    return this.events > 0;
  }
  /** After the last line. @throws {TraceInputError} if nothing of the file is a trace. */
  end(
    lines: number,
  ): { format: Format; can: Set<Kind>; own: (lane: string) => boolean; cannot: Map<Kind, string> } {
    if (this.events === 0) {
      throw new TraceInputError(
        `${this.out.file}: none of its ${lines} lines is a trace event; expected JSON lines (--trace FILE), a log of ` +
          `QEMU's -trace, or a golden trace`,
      );
    }
    const can = new Set<Kind>(), cannot = new Map<Kind, string>();
    const offer = (family: string, kinds: Kind[], how: string) => {
      for (const kind of kinds) {
        if (this.families.has(family)) can.add(kind);
        else cannot.set(kind, how);
      }
    };
    offer("virtio", ["notify", "interrupt", "status"], "no virtio_* line (-trace 'virtio*')");
    offer("virtqueue", ["pop", "push"], "no virtqueue_* line (-trace 'virtqueue*')");
    offer("register", ["read", "write"], "no access to a virtio register (-trace 'memory_region_ops_*')");
    offer("kick", ["kick"], "notifications go past the registers (ioeventfd)");
    offer("config", ["config"], "no access to a virtio device's PCI configuration");
    offer("message", ["message"], "no message (-trace 'memory_region_ops_*', a CPU that runs)");
    // Before DRIVER_OK QEMU takes notifications from the register, even if it does not later.
    if (this.families.has("virtio") && this.kicks < this.notified) {
      can.delete("kick");
      cannot.set(
        "kick",
        `${this.kicks} of ${this.notified} notifications show as register accesses (ioeventfd)`,
      );
    }
    if (can.has("write")) can.add("status");
    if (can.has("kick")) can.add("notify");
    const own = (lane: string) => lane !== "status" && lane !== "notify" || this.families.has("virtio");
    return { format: "QEMU log", can, own, cannot };
  }

  private access(words: string, write: boolean, n: number): void {
    const m = ACCESS.exec(words);
    if (m === null) {
      throw new BrokenLine(
        `memory_region_ops_${
          write ? "write" : "read"
        }: found "${words}", expected "cpu N mr 0xN addr 0xN value 0xN size N name 'NAME'"`,
      );
    }
    const [, , region, addrText, valueText, size, name] = m;
    const addr = parseInt(addrText, 16), width = Number(size);
    const value = parseInt(valueText, 16) % 2 ** Math.min(53, 8 * width);
    if (name.startsWith("pci-conf-") || (addr >= 0xcf8 && addr < 0xd00)) {
      this.families.add("config");
      this.pci.port(addr, width, value, write, n);
      return;
    }
    if (name.startsWith("pcie-mmcfg")) return this.pci.ecam(addr % 2 ** 28, width, value, write, n);
    if (name === "apic-msi" && write) {
      if (this.families.has("register")) this.families.add("message");
      return this.messages.sent(value & 0xff, n);
    }
    const place = this.place(addr, name, region);
    if (place === undefined) {
      this.out.leaveOut(`accesses to ${name === "" ? "a region without a name" : name}`);
      return;
    }
    const reg = registerName(place.structure, place.offset);
    this.families.add("register");
    if (write && (place.structure === "notify" || reg === "queue_notify")) {
      this.families.add("kick");
      this.kicks++;
    }
    if (place.structure !== "msix") this.last = place.device;
    this.messages.register(place.device, reg, value, write);
    this.decoder.register(place.device, reg, width, value, write, n);
  }

  /** Which device and structure an access is to: by the region's name, or by where the BARs are. */
  private place(addr: number, name: string, region: string | undefined) {
    const known = this.pci.find(addr);
    if (known !== undefined) return known;
    const own = /^virtio-pci-(common|isr|device|notify)-(.+)$/.exec(name);
    if (own !== null) {
      const device = this.named(
        `${name.replace(own[1], "*")} at 0x${(addr - addr % (4 * PAGE)).toString(16)}`,
        own[2],
      );
      return { device, structure: own[1] as Structure, offset: addr % PAGE };
    }
    if (name === "virtio-mmio" || name.startsWith("virtio-mmio-bus.")) {
      const slot = `virtio-mmio at 0x${(addr - addr % 0x200).toString(16)}`;
      return { device: this.named(slot, ""), structure: "mmio" as const, offset: addr % 0x200 };
    }
    if (name === "msix-table" && this.last >= 0) {
      return { device: this.last, structure: "msix" as const, offset: addr % PAGE };
    }
    const ours = /^(virtio-[a-z-]+\.\d+)( msix)?$/.exec(name);
    if (ours === null || region !== undefined) return undefined;
    const device = this.named(ours[1], ours[1]);
    const structure = ours[2] === undefined ? WINDOW[Math.floor(addr / PAGE) % 4] : "msix";
    return { device, structure, offset: addr % PAGE };
  }
  private config(words: string, write: boolean, n: number): void {
    const m = CONFIG.exec(words);
    if (m === null) {
      throw new BrokenLine(
        `pci_cfg_${write ? "write" : "read"}: found "${words}", expected "NAME BB:DD.F @0xN -> 0xN"`,
      );
    }
    this.families.add("config");
    if (m[2] !== undefined) this.pci.named(m[2], parseInt(m[4], 16), 4, parseInt(m[6], 16), write, n);
  }

  private named(alias: string, type: string): number {
    let device = this.byName.get(alias);
    if (device === undefined) {
      const id = idOfName(type);
      device = this.out.newDevice(alias, id === 0 ? undefined : typeOf(id), id);
      this.byName.set(alias, device);
    }
    return device;
  }
  /** Some events name the kind of device together with its pointer. */
  private hint(name: string, words: string): void {
    const m = /^virtio_(rng|blk|net|balloon|gpu|iommu|scsi)_\w+$/.exec(name);
    const pointer = m === null ? undefined : /(?:vdev|rng|n|dev) (0x[0-9a-f]+)/.exec(words)?.[1];
    if (m === null || pointer === undefined) return;
    const entry = this.out.entry(this.named(pointer, ""));
    entry.id ||= idOfName(`virtio-${m[1]}`);
    entry.type ??= typeOf(entry.id);
  }
}
