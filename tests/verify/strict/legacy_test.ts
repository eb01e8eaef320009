/** Drivers of before virtio 1.0 on real models: no rule follows them, and none says anything of them. */
import { assertEquals } from "@std/assert";
import { physAddr } from "../../../arch/addresses.ts";
import { parseDescription } from "../../../devices/description/mod.ts";
import { createMachine, type Machine } from "../../../devices/machine/mod.ts";
import { LiveMemory, RULES, Strict } from "../../../verify/strict/mod.ts";
import { onceTest } from "../../support/once.ts";

const QUEUE = 0x1_0000, USED = QUEUE + 4096, BUFFER = 0x2_0000;
const ENTRIES = 8;

/** A machine with an entropy device, watched by all rules. */
function watched(words: string): { machine: Machine; strict: Strict; ram: DataView } {
  const made: { machine?: Machine } = {};
  const strict = new Strict({
    rules: RULES,
    platform: "simulated",
    memory: new LiveMemory(() => made.machine?.ram ?? []),
  });
  const machine = made.machine = createMachine(parseDescription(words.split(" ")), {
    chardevs: new Map(),
    seed: 1,
    trace: strict,
  });
  strict.clock = () => machine.now();
  const { bytes } = machine.ram[0];
  return { machine, strict, ram: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) };
}
/** Offers a buffer as entry `n` of the queue, which stays in memory that no rule was told of. */
function offer(ram: DataView, n: number): void {
  ram.setBigUint64(QUEUE, BigInt(BUFFER), true);
  ram.setUint32(QUEUE + 8, 64, true);
  ram.setUint16(QUEUE + 12, 2, true);
  ram.setUint16(QUEUE + 16 * ENTRIES + 4 + 2 * n, 0, true);
  ram.setUint16(QUEUE + 16 * ENTRIES + 2, n + 1, true);
}
const served = (ram: DataView) => [ram.getUint16(USED + 2, true), ram.getUint32(USED + 8, true)];

for (const [kind, mode] of [["transitional", "off"], ["legacy alone", "off,disable-modern=on"]]) {
  onceTest(`strict: a driver of the ports of a device that is ${kind}`, () => {
    const { machine, strict, ram } = watched(
      `-machine q35 -m 4M -nodefaults -device virtio-rng-pci,addr=4,disable-legacy=${mode}`,
    );
    const port = 0xc000;
    const cfg = (offset: number, value: number) => {
      machine.portWrite(0xcf8, 4, 0x8000_0000 | 4 << 11 | offset);
      machine.portWrite(0xcfc, 4, value);
    };
    cfg(0x10, port);
    cfg(4, 1);
    const out = (offset: number, width: 1 | 2 | 4, value: number) =>
      machine.portWrite(port + offset, width, value);
    for (const status of [0, 1, 3]) out(18, 1, status);
    machine.portRead(port, 4);
    out(4, 4, 0);
    out(14, 2, 0);
    assertEquals(machine.portRead(port + 12, 2), ENTRIES);
    out(8, 4, QUEUE / 4096);
    out(18, 1, 7);
    for (let n = 0; n < 2; n++) {
      offer(ram, n);
      out(16, 2, 0);
      machine.events.advance(100_000);
      assertEquals(machine.portRead(port + 19, 1), 1);
    }
    assertEquals(served(ram), [2, 64]);
    out(18, 1, 0);
    strict.end("ended");
    assertEquals(strict.reports.map((r) => `${r.rule}: ${r.found}`), []);
  });
}

onceTest("strict: a driver of a virtio-mmio transport of version 1", () => {
  const { machine, strict, ram } = watched("-machine microvm -m 4M -nodefaults -device virtio-rng-device");
  const at = (offset: number) => physAddr(0xfeb0_0000 + 23 * 0x200 + offset);
  const write = (offset: number, value: number) => machine.mmioWrite(at(offset), 4, value);
  const read = (offset: number) => machine.mmioRead(at(offset), 4);
  assertEquals([0, 4, 8].map(read), [0x7472_6976, 1, 4]);
  for (const status of [0, 1, 3]) write(0x70, status);
  write(0x28, 4096);
  write(0x24, 0);
  write(0x20, 0);
  write(0x30, 0);
  write(0x38, ENTRIES);
  write(0x3c, 4096);
  write(0x40, QUEUE / 4096);
  write(0x70, 7);
  for (let n = 0; n < 2; n++) {
    offer(ram, n);
    write(0x50, 0);
    machine.events.advance(100_000);
    assertEquals(read(0x60), 1);
    write(0x64, 1);
  }
  assertEquals(served(ram), [2, 64]);
  write(0x70, 0);
  strict.end("ended");
  assertEquals(strict.reports.map((r) => `${r.rule}: ${r.found}`), []);
});
