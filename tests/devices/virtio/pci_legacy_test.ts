import { assertEquals } from "@std/assert";
import { COMMON, LEGACY_BAR, MSIX_BAR, Rig } from "./_rig.ts";
import { onceTest } from "../../support/once.ts";

// Offsets of virtio 1.4, 4.1.4.10.
const FEATURES = 4, ADDRESS = 8, SIZE = 12, SELECT = 14, NOTIFY = 16, STATUS = 18, ISR = 19, VECTORS = 20;
const BUFFER = 0x8000;
/** A queue of 8 at 0x1000 (virtio 1.4, 2.7.2): the available ring follows at once, the used ring on the next page. */
const QUEUE = 0x1000, AVAIL = QUEUE + 128, USED = 0x2000;

/** A driver of before virtio 1.0: it knows ports, and nothing else of the device. */
class LegacyRig extends Rig {
  private entries = 0;

  constructor(word = "virtio-rng-pci,disable-modern=on", command = 7) {
    super([word]);
    this.enable(command);
  }
  in(at: number, width: 1 | 2 | 4): number {
    return this.ports.read(LEGACY_BAR + at, width);
  }
  out(at: number, width: 1 | 2 | 4, value: number): void {
    this.ports.write(LEGACY_BAR + at, width, value);
  }
  start(features = 0): this {
    for (const status of [0, 1, 3]) this.out(STATUS, 1, status);
    this.out(FEATURES, 4, features);
    this.out(SELECT, 2, 0);
    assertEquals(this.in(SIZE, 2), 8);
    this.out(ADDRESS, 4, QUEUE >> 12);
    this.out(STATUS, 1, 7);
    this.run();
    return this;
  }
  /** Offers 64 bytes, notifies, and gives the used entries. */
  ask(): { id: number; len: number }[] {
    this.ram.fill(0, BUFFER, BUFFER + 65);
    this.desc(QUEUE, BUFFER, 64, 2, 0);
    this.dram.setUint16(AVAIL + 4 + 2 * (this.entries % 8), 0, true);
    this.dram.setUint16(AVAIL + 2, ++this.entries, true);
    this.out(NOTIFY, 2, 0);
    this.run();
    return Array.from({ length: this.dram.getUint16(USED + 2, true) }, (_, i) => ({
      id: this.dram.getUint32(USED + 4 + 8 * i, true),
      len: this.dram.getUint32(USED + 8 + 8 * i, true),
    }));
  }
}

onceTest("a legacy driver gets entropy, and an interrupt that reading ISR takes back", () => {
  const r = new LegacyRig().start();
  assertEquals([r.in(0, 4), r.in(ADDRESS, 4), r.in(STATUS, 1)], [0x7900_0000, 1, 7]);
  assertEquals(r.ask(), [{ id: 0, len: 64 }]);
  assertEquals([r.ram.subarray(BUFFER, BUFFER + 64).some((b) => b !== 0), r.ram[BUFFER + 64]], [true, 0]);
  assertEquals(r.line.join(), "raise");
  assertEquals([r.in(ISR, 1), r.in(ISR, 1), r.line.join()], [1, 0, "raise,lower"]);
  assertEquals(r.ask().length, 2);
});

onceTest("the same on a transitional device: its modern registers keep what they had", () => {
  const r = new LegacyRig("virtio-rng-pci").start();
  assertEquals(r.ask().length, 1);
  // QEMU 7.2: status is one register, queue_enable and queue_desc are not the legacy driver's.
  assertEquals([r.status, r.read(COMMON + 0x1c, 2), r.read(COMMON + 0x20, 4)], [7, 0, 0]);
});

onceTest("buffers that were there before DRIVER_OK are found, as QEMU kicks every queue then", () => {
  const r = new LegacyRig();
  r.start();
  r.out(STATUS, 1, 3);
  assertEquals(r.ask(), []);
  r.out(STATUS, 1, 7);
  r.run();
  assertEquals(r.dram.getUint16(USED + 2, true), 1);
});

onceTest("status 0 and a queue's address 0 reset the device", () => {
  for (const [at, width] of [[STATUS, 1], [ADDRESS, 4]] as const) {
    const r = new LegacyRig().start(1 << 29);
    r.ask();
    r.out(at, width, 0);
    assertEquals([FEATURES, ADDRESS].map((reg) => r.in(reg, 4)), [0, 0]);
    assertEquals([r.in(STATUS, 1), r.in(ISR, 1), r.line.join()], [0, 0, "raise,lower"]);
  }
});

onceTest("features: what is offered is taken, until FEATURES_OK", () => {
  const r = new LegacyRig().start();
  const set = (value: number) => {
    r.out(FEATURES, 4, value);
    return r.in(FEATURES, 4);
  };
  // NOTIFY_ON_EMPTY, ANY_LAYOUT, INDIRECT_DESC, EVENT_IDX and bit 30 are offered (the golden register dump: 0x79000000).
  assertEquals([set(0x3f00_0001), set(1 << 29)], [0x3900_0000, 1 << 29]);
  r.out(STATUS, 1, 11);
  assertEquals(set(0), 1 << 29);
});

onceTest("bit 30 accepted: nothing was meant, or what Linux 2.6.25 knew of a network card", () => {
  const rng = new LegacyRig();
  rng.out(FEATURES, 4, 0x7900_0000);
  assertEquals(rng.in(FEATURES, 4), 0);
  const net = new LegacyRig("virtio-net-pci,netdev=n0");
  net.out(FEATURES, 4, 1 << 30);
  // Of MAC, CSUM, HOST_TSO4, HOST_TSO6 and HOST_ECN this card offers MAC alone.
  assertEquals(net.in(FEATURES, 4), 1 << 5);
});

onceTest("status 3, and no other, makes a driver's function bus master", () => {
  const r = new LegacyRig(undefined, 3);
  for (const status of [1, 7, 0x83]) r.out(STATUS, 1, status);
  assertEquals(r.cfg(4, 2), 3);
  r.out(STATUS, 2, 0x103);
  assertEquals(r.cfg(4, 2), 3, "16 bits wide it is another value");
  r.out(STATUS, 1, 3);
  assertEquals(r.cfg(4, 2), 7);
  assertEquals(r.start().ask().length, 1);
});

onceTest("a device that lost the bus stays stopped when status 3 gets it back", () => {
  const r = new LegacyRig().start();
  r.setCfg(4, 2, 3);
  assertEquals(r.in(STATUS, 1), 3);
  r.out(STATUS, 1, 3);
  r.out(STATUS, 1, 7);
  assertEquals([r.cfg(4, 2), r.ask().length], [7, 0]);
  r.setCfg(4, 2, 7);
  r.out(NOTIFY, 2, 0);
  r.run();
  assertEquals(r.dram.getUint16(USED + 2, true), 1);
});

onceTest("vectors: one that is there, one that is not, one of a queue that is not; the message comes", () => {
  const r = new LegacyRig("virtio-rng-pci");
  r.setCfg(0x98 + 2, 2, 0x8000);
  r.start();
  for (const [at, value] of [[0, 0x5000], [4, 0], [8, 0x77], [12, 0]]) r.write(MSIX_BAR + 16 + at, 4, value);
  const set = (at: number, vector: number) => {
    r.out(VECTORS + at, 2, vector);
    return r.in(VECTORS + at, 2);
  };
  // The device has vectors 0 and 1.
  assertEquals([set(0, 0), set(0, 2), set(2, 0), set(2, 1)], [0, 0xffff, 0, 1]);
  r.ask();
  assertEquals([r.messages, r.line], [[{ address: 0x5000, data: 0x77 }], []]);
  r.out(SELECT, 2, 3);
  assertEquals([r.in(SIZE, 2), set(2, 0), r.in(STATUS + 1, 4)], [0, 0, 0x00ff_ff01]);
});

onceTest("the configuration is written behind the ports; a card takes its address from there", () => {
  const r = new LegacyRig("virtio-net-pci,netdev=n0,mac=52:54:00:12:34:56");
  r.out(20, 4, 0x0403_0252);
  r.out(24, 2, 0x0605);
  assertEquals([r.in(20, 4), r.in(24, 2)], [0x0403_0252, 0x0605]);
  r.setCfg(0x98 + 2, 2, 0x8000);
  r.out(24, 1, 0x56);
  assertEquals(r.in(24, 4), 0x0403_0256);
});

onceTest("an access that begins inside a register reads ones and writes nothing", () => {
  const r = new LegacyRig().start();
  for (const at of [5, 9, 13, 17]) {
    r.out(at, 1, 0);
    assertEquals(r.in(at, 1), 0xff);
  }
  r.out(ISR, 1, 0xff);
  assertEquals([r.in(ADDRESS, 4), r.in(STATUS, 1)], [1, 7]);
});

onceTest("what is not aligned is written piece by piece: status and configuration vector in one", () => {
  const r = new LegacyRig("virtio-rng-pci").start();
  r.setCfg(0x98 + 2, 2, 0x8000);
  r.out(STATUS, 4, 0x0001_0083);
  assertEquals([r.in(STATUS, 1), r.in(VECTORS, 2)], [0x83, 1]);
});

onceTest("a driver that breaks its ring gets no NEEDS_RESET, which a legacy device does not have", () => {
  const r = new LegacyRig().start();
  r.dram.setUint16(AVAIL + 4, 8, true);
  r.dram.setUint16(AVAIL + 2, 1, true);
  r.out(NOTIFY, 2, 0);
  r.run();
  assertEquals([r.in(STATUS, 1), r.in(ISR, 1), r.named("virtio_error").length], [7, 0, 1]);
});

onceTest("notifications of queues that do not exist are lost", () => {
  const r = new LegacyRig().start();
  r.ask();
  for (const queue of [1, 1023, 1024, 0xffff]) r.out(NOTIFY, 2, queue);
  r.out(NOTIFY, 4, 0x1_0000);
  r.run();
  assertEquals(r.named("virtio_queue_notify").length, 1);
});
