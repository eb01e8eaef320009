import type { TraceEvent } from "../../spec/trace.ts";
import { readLine, TraceFileError } from "../record/read_lines.ts";
import { Decoder, idOfName, typeOf } from "./decoder.ts";
import { DeviceLines } from "./device_lines.ts";
import { Messages } from "./messages.ts";
import { PciTracker } from "./pci.ts";
import type { Recording } from "./recording.ts";
import { registerName } from "./registers.ts";
import { type Format, type Kind, KINDS, TraceInputError } from "./steps.ts";

/** Kinds that only the simulated machine can say: what happens inside devices. */
const INSIDE: readonly Kind[] = ["pop", "push", "interrupt", "change"];
/** virtio-mmio transports in QEMU's microvm: their first address, the distance, and how many. */
const MMIO_BASE = 0xfeb0_0000, MMIO_STRIDE = 0x200, MMIO_SLOTS = 32;

/** Reads `--trace FILE` of either platform, line by line. */
export class JsonReader {
  readonly decoder: Decoder;
  private readonly pci: PciTracker;
  private readonly lines: DeviceLines;
  private readonly messages: Messages;
  private readonly byName = new Map<string, number>();
  /** Devices have said what happens inside them: then they are our models. */
  private simulated = false;
  /** What devices write to rings is there. Of a real QEMU's it is not. */
  private deviceWrites = false;
  /** Configuration accesses are records of their own. */
  private configured = false;

  constructor(private readonly out: Recording) {
    this.decoder = new Decoder(out);
    this.pci = new PciTracker(this.decoder);
    this.messages = new Messages(this.decoder);
    this.lines = new DeviceLines(this.decoder, (name) => this.device(name));
  }

  /** @throws {TraceInputError} naming the line. */
  line(text: string, n: number): void {
    let record;
    try {
      record = readLine(text);
    } catch (e) {
      if (!(e instanceof TraceFileError)) throw e;
      throw new TraceInputError(`${this.out.file}:${n}: ${e.message}`);
    }
    if (record === undefined) this.out.leaveOut("records of an unknown kind");
    else this.event(record.event, n);
  }

  event(e: TraceEvent, n: number): void {
    switch (e.ev) {
      case "device":
        if (idOfName(e.name) !== 0) this.pci.name(e.place, this.device(e.name));
        return;
      case "mmio_read":
      case "mmio_write":
        return this.access(e, e.ev === "mmio_write", n);
      case "port_read":
      case "port_write":
        if (this.configured || !this.pci.port(e.port, e.width, e.value, e.ev === "port_write", n)) {
          this.out.leaveOut("port accesses");
        }
        return;
      case "pci_cfg_read":
      case "pci_cfg_write":
        this.configured = true;
        return this.pci.named(e.bdf, e.offset, e.width, e.value, e.ev === "pci_cfg_write", n);
      case "mem_write": {
        const bytes = bytesOf(e.hex, e.repeat ?? 1);
        if (!this.decoder.rings.write(e.by, e.addr, bytes, n)) this.out.leaveOut("writes to buffers");
        else if (e.by === "device") this.deviceWrites = true;
        return;
      }
      case "barrier":
        return this.decoder.rings.barrier(e.kind, n, false);
      case "msi":
        return this.messages.sent(e.data, n);
      case "qemu":
        if (this.lines.read(e.name, e.text, n)) this.simulated = true;
        else this.out.leaveOut(`${e.name} lines`);
        return;
      case "machine":
      case "pci_function":
      case "notify":
        return;
      default:
        this.out.leaveOut(`${e.ev} records`);
    }
  }

  /** After the last line. */
  end(): { format: Format; can: Set<Kind>; own: (lane: string) => boolean } {
    this.decoder.rings.flush();
    const can = new Set(Object.keys(KINDS) as Kind[]);
    if (!this.simulated) {
      for (const kind of INSIDE) can.delete(kind);
      if (!this.deviceWrites) can.delete("used");
    }
    return { format: this.simulated ? "simulated" : "on QEMU", can, own: () => this.simulated };
  }

  private access(
    e: { addr: number; width: number; value: number; dev?: string; reg?: string },
    write: boolean,
    n: number,
  ): void {
    const place = this.place(e.addr, e.dev, e.reg);
    if (place === undefined) {
      this.out.leaveOut(`accesses to ${e.dev ?? "memory that no device is known for"}`);
      return;
    }
    this.messages.register(place.device, place.reg, e.value, write);
    this.decoder.register(place.device, place.reg, e.width, e.value, write, n);
  }
  private place(addr: number, dev?: string, reg?: string): { device: number; reg: string } | undefined {
    if (dev !== undefined && reg !== undefined) {
      const name = dev.replace(/ msix$/, "");
      if (idOfName(name) !== 0 || name.startsWith("virtio-mmio")) return { device: this.device(name), reg };
      return undefined;
    }
    const found = this.pci.find(addr);
    if (found !== undefined) {
      return { device: found.device, reg: registerName(found.structure, found.offset) };
    }
    const slot = Math.floor((addr - MMIO_BASE) / MMIO_STRIDE);
    if (slot < 0 || slot >= MMIO_SLOTS) return undefined;
    return { device: this.device(`virtio-mmio-bus.${slot}`), reg: registerName("mmio", addr % MMIO_STRIDE) };
  }
  private device(name: string): number {
    let device = this.byName.get(name);
    if (device === undefined) {
      const id = idOfName(name);
      device = this.out.newDevice(name, id === 0 ? undefined : typeOf(id), id);
      this.byName.set(name, device);
    }
    return device;
  }
}

function bytesOf(hex: string, repeat: number): Uint8Array {
  const one = new Uint8Array(hex.length / 2);
  for (let i = 0; i < one.length; i++) one[i] = parseInt(hex.substring(2 * i, 2 * i + 2), 16);
  if (repeat === 1) return one;
  const all = new Uint8Array(one.length * repeat);
  for (let k = 0; k < repeat; k++) all.set(one, k * one.length);
  return all;
}
