import type { PhysAddr } from "../../arch/addresses.ts";
import { DeadlockError, type Platform, type Width } from "../../arch/platform.ts";
import type { TraceEvent } from "../../spec/trace.ts";

/** An IOAPIC as its data sheet has it: index, data, redirection, remote IRR. Only for tests, and apart from devices/. */
class FakeIoApic {
  readonly low = new Array<number>(24).fill(1 << 16);
  readonly high = new Array<number>(24).fill(0);
  readonly input = new Array<boolean>(24).fill(false);
  readonly remoteIrr = new Array<boolean>(24).fill(false);
  index = 0;
  constructor(readonly deliver: (vector: number) => void) {}
  read(offset: number): number {
    if (offset === 0) return this.index;
    if (this.index === 1) return 0x0017_0020;
    const pin = (this.index - 0x10) >> 1;
    return this.index & 1 ? this.high[pin] : this.low[pin];
  }
  write(offset: number, value: number): void {
    if (offset === 0) this.index = value & 0xff;
    else if (this.index >= 0x10) {
      const pin = (this.index - 0x10) >> 1;
      if (this.index & 1) this.high[pin] = value;
      else this.low[pin] = value;
      this.level(pin);
    }
  }
  /** `wire`: the electrical level. */
  set(pin: number, wire: boolean): void {
    const rising = wire && !this.input[pin];
    this.input[pin] = wire;
    const activeLow = (this.low[pin] & (1 << 13)) !== 0;
    if (this.low[pin] & (1 << 15)) this.level(pin);
    else if ((activeLow ? !wire : rising) && !(this.low[pin] & (1 << 16))) this.deliver(this.low[pin] & 0xff);
  }
  level(pin: number): void {
    const entry = this.low[pin];
    if (!(entry & (1 << 15)) || entry & (1 << 16) || this.remoteIrr[pin]) return;
    const asserted = entry & (1 << 13) ? !this.input[pin] : this.input[pin];
    if (!asserted) return;
    this.remoteIrr[pin] = true;
    this.deliver(entry & 0xff);
  }
  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < 24; pin++) {
      if ((this.low[pin] & 0xff) !== vector || !this.remoteIrr[pin]) continue;
      this.remoteIrr[pin] = false;
      this.level(pin);
    }
  }
}

/** A platform for tests: RAM, interrupt controllers, a clock that only the test and `idle` move. */
export class FakePlatform implements Platform {
  readonly name = "fake";
  machine = "q35";
  commandLine = "";
  readonly ram;
  readonly memoryMap;
  readonly events: TraceEvent[] = [];
  readonly trace = { on: true, emit: (event: TraceEvent) => void this.events.push(event) };
  readonly apics: FakeIoApic[];
  /** Vectors that wait for the CPU, and those that it serves. */
  readonly pending = new Set<number>();
  readonly inService: number[] = [];
  lapicEnabled = false;
  endOfInterrupts = 0;
  time = 0;
  exitCode: number | undefined;
  /** Accesses to addresses that nothing answers. */
  readonly writes: { address: number; width: Width; value: number }[] = [];
  readonly ports = new Map<number, number>();
  private readonly due: { at: number; run: () => void }[] = [];

  constructor(ramBytes = 0x40_0000, ioApics = 1) {
    this.ram = [{ base: 0, bytes: new Uint8Array(ramBytes) }];
    this.memoryMap = [
      { base: 0, length: 0x9_fc00, kind: "usable" as const },
      { base: 0x9_fc00, length: 0x400, kind: "reserved" as const },
      { base: 0xf_0000, length: 0x1_0000, kind: "reserved" as const },
      { base: 0x10_0000, length: ramBytes - 0x10_0000, kind: "usable" as const },
    ];
    this.apics = Array.from({ length: ioApics }, () => new FakeIoApic((vector) => this.pending.add(vector)));
  }

  /** Moves a line's wire: true is high. PCI's INTx is asserted when low. */
  setLine(line: number, high: boolean): void {
    this.apics[line < 24 ? 0 : 1].set(line % 24, high);
  }
  /** Something the world does at a time (nanoseconds). */
  at(time: number, run: () => void): void {
    this.due.push({ at: time, run });
    this.due.sort((a, b) => a.at - b.at);
  }
  mmioRead(address: PhysAddr, width: Width): number {
    return this.apicAt(address)?.read(address & 0xfff) ?? 2 ** (8 * width) - 1;
  }
  mmioWrite(address: PhysAddr, width: Width, value: number): void {
    const apic = this.apicAt(address);
    if (apic !== undefined) apic.write(address & 0xfff, value);
    else if (address === 0xfee0_00f0) this.lapicEnabled = (value & 0x100) !== 0;
    else if (address === 0xfee0_00b0) {
      this.endOfInterrupts++;
      const vector = this.inService.pop();
      if (vector !== undefined) { for (const a of this.apics) a.endOfInterrupt(vector); }
    } else this.writes.push({ address, width, value });
  }
  portRead(port: number, width: Width): number {
    return this.ports.get(port) ?? 2 ** (8 * width) - 1;
  }
  portWrite(port: number, _width: Width, value: number): void {
    this.ports.set(port, value);
  }
  takeInterrupt(): number {
    if (!this.lapicEnabled || this.pending.size === 0) return -1;
    const vector = Math.max(...this.pending);
    this.pending.delete(vector);
    if (vector !== 255) this.inService.push(vector);
    return vector;
  }
  msiMessage(vector: number): { address: number; data: number } {
    return { address: 0xfee0_0000, data: vector };
  }
  now(): number {
    return this.time;
  }
  relax(): void {
    this.advance(this.time + 100);
  }
  idle(until?: number): void {
    if (this.pending.size > 0) return;
    const next = Math.min(until ?? Infinity, this.due[0]?.at ?? Infinity);
    if (next === Infinity) throw new DeadlockError("nothing will ever happen");
    this.advance(next);
  }
  powerOff(code: number): void {
    this.exitCode = code;
  }
  private advance(to: number): void {
    while (this.due.length > 0 && this.due[0].at <= to) {
      const event = this.due.shift()!;
      this.time = Math.max(this.time, event.at);
      event.run();
    }
    this.time = Math.max(this.time, to);
  }
  private apicAt(address: number): FakeIoApic | undefined {
    const page = address - address % 0x1000;
    return page === 0xfec0_0000 ? this.apics[0] : page === 0xfec1_0000 ? this.apics[1] : undefined;
  }
}
