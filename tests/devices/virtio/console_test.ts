import { assertEquals, assertThrows } from "@std/assert";
import type { VirtioSerial } from "../../../devices/virtio/mod.ts";
import { DEVICE, ISR, Rig } from "./_rig.ts";

const QUEUE = [0x1000, 0x4000, 0x7000, 0xa000];
const BUFFER = 0x20000;
const text = (s: string) => new TextEncoder().encode(s);

class Console extends Rig {
  private readonly next = [0, 0, 0, 0];

  /** Port 0's queues, and the control queues with MULTIPORT. */
  constructor(props = "", readonly features = 2, ports = ["virtconsole,chardev=c0"]) {
    super([`virtio-serial-pci${props}`, ...ports]);
    this.enable().negotiate(features);
    for (let i = 0; i < (features & 2 ? 4 : 2); i++) this.queue(i, QUEUE[i]);
    this.status = 15;
    this.run();
  }
  /** Offers a buffer of `len` bytes, or sends `bytes`. */
  give(queue: number, what: number | Uint8Array): void {
    const n = this.next[queue]++;
    const at = BUFFER + queue * 0x4000 + n * 0x400;
    const receive = typeof what === "number";
    if (!receive) this.ram.set(what, at);
    this.desc(QUEUE[queue] + 16 * (n % 8), at, receive ? what : what.length, receive ? 2 : 0, 0);
    this.avail(QUEUE[queue], n % 8, n);
    this.notify(queue);
  }
  /** What came into the buffers of a queue, as text. */
  received(queue: number): string[] {
    return this.used(QUEUE[queue]).map(({ len }, n) => {
      const at = BUFFER + queue * 0x4000 + n * 0x400;
      return new TextDecoder("latin1").decode(this.ram.subarray(at, at + len));
    });
  }
  control(id: number, event: number, value: number): void {
    const m = new DataView(new ArrayBuffer(8));
    m.setUint32(0, id, true);
    m.setUint16(4, event, true);
    m.setUint16(6, value, true);
    this.give(3, new Uint8Array(m.buffer));
  }
  /** Control messages to the driver: [port, event, value, rest]. */
  controls(): unknown[] {
    return this.used(QUEUE[2]).map(({ len }, n) => {
      const m = new DataView(this.ram.buffer, BUFFER + 2 * 0x4000 + n * 0x400, len);
      const rest = new Uint8Array(m.buffer, m.byteOffset + 8, len - 8);
      return [m.getUint32(0, true), m.getUint16(4, true), m.getUint16(6, true), rest.toHex()];
    });
  }
}

Deno.test("without MULTIPORT port 0 works as soon as the driver is up, both ways", () => {
  const c = new Console("", 0);
  c.give(1, text("hello "));
  c.give(1, text("world"));
  assertEquals(c.chardev.output, "hello world");
  assertEquals(c.used(QUEUE[1]), [{ id: 0, len: 0 }, { id: 1, len: 0 }]);
  const host = c.chardev.frontend!;
  assertEquals(host.canReceive(), 0);
  c.give(0, 4);
  c.give(0, 16);
  assertEquals(host.canReceive(), 20);
  assertEquals(c.chardev.accepts > 0, true);
  c.read(ISR, 1);
  host.receive(text("abcdefg"));
  assertEquals(c.received(0), ["abcd", "efg"]);
  assertEquals([host.canReceive(), c.read(ISR, 1)], [0, 1]);
});

Deno.test("MULTIPORT: the handshake of control messages, then the port is open", () => {
  const c = new Console("", 2, ["virtconsole,chardev=c0,name=shell"]);
  for (let i = 0; i < 5; i++) c.give(2, 64);
  c.control(0, 0, 1);
  assertEquals(c.controls(), [[0, 1, 1, ""]]);
  c.control(0, 3, 1);
  assertEquals(c.controls().slice(1), [
    [0, 4, 1, ""],
    [0, 7, 1, new Uint8Array([...text("shell"), 0]).toHex()],
    [0, 6, 1, ""],
  ]);
  c.give(0, 16);
  assertEquals(c.chardev.frontend!.canReceive(), 0, "the guest has not opened it");
  c.control(0, 6, 1);
  assertEquals(c.chardev.frontend!.canReceive(), 16);
  c.control(0, 6, 0);
  assertEquals(c.chardev.frontend!.canReceive(), 0);
});

Deno.test("control messages that are short, for no port, or without a buffer to answer are survived", () => {
  const c = new Console();
  c.give(3, new Uint8Array(3));
  c.control(9, 3, 1);
  c.control(0, 0, 1);
  c.give(2, 64);
  assertEquals(c.controls(), [], "an answer without a buffer is lost, as in QEMU");
  c.control(0, 0, 1);
  assertEquals(c.controls(), [[0, 1, 1, ""]]);
  assertEquals(c.status, 15);
});

Deno.test("x-size: the size is in the configuration, a resize changes generation and interrupts", () => {
  const c = new Console(",x-size=80x25", 3);
  c.setCommon(0, 4, 0);
  assertEquals(c.common(4, 4) & 7, 7);
  assertEquals([c.read(DEVICE, 2), c.read(DEVICE + 2, 2), c.read(DEVICE + 4, 4)], [80, 25, 31]);
  c.give(2, 64);
  c.read(ISR, 1);
  (c.device as VirtioSerial).resize(132, 43);
  assertEquals([c.read(DEVICE, 4), c.common(0x15, 1), c.read(ISR, 1)], [43 * 65536 + 132, 1, 3]);
  assertEquals(c.controls(), [[0, 5, 0, "84002b00"]]);
  (c.device as VirtioSerial).resize(132, 43);
  assertEquals(c.common(0x15, 1), 1, "the same size again is no change");
  assertEquals(c.named("virtio_notify_config").length, 1);
});

Deno.test("without x-size a resize goes nowhere, as in QEMU", () => {
  const c = new Console();
  c.chardev.frontend!.resize!(100, 30);
  assertEquals([c.read(DEVICE, 4), c.common(0x15, 1), c.common(4, 4) & 1], [0, 0, 0]);
});

Deno.test("emergency write: one character without queues or status; other fields are read-only", () => {
  const r = new Rig(["virtio-serial-pci", "virtconsole,chardev=c0"]).enable();
  r.write(DEVICE + 8, 4, 0x141);
  r.write(DEVICE + 8, 1, 0x42);
  r.write(DEVICE + 4, 4, 99);
  assertEquals([r.chardev.output, r.read(DEVICE + 8, 4), r.read(DEVICE + 4, 4)], ["AB", 0, 31]);
  const off = new Rig(["virtio-serial-pci,emergency-write=off"]).enable();
  assertEquals([off.read(DEVICE + 8, 4), off.common(4, 4) & 6], [0xffff_ffff, 2]);
});

Deno.test("ports: numbers as QEMU gives them, and what is refused", () => {
  const r = new Rig([
    "virtio-serial-pci,max_ports=3",
    "virtserialport,name=a",
    "virtconsole,chardev=c0",
    "virtconsole",
  ]);
  const serial = r.device as VirtioSerial;
  assertEquals(serial.ports.map((p) => [p.id, p.receiveQueue]), [[1, 4], [0, 0], [2, 6]]);
  assertEquals(serial.queues.length, 8);
  const add = (o: object) => () => serial.addPort({ isConsole: true, ...o });
  assertThrows(add({}), Error, "maximum of 3 ports");
  assertThrows(add({ nr: 1 }), Error, "already exists at nr=1");
  assertThrows(add({ name: "a" }), Error, "by the name a");
  assertThrows(add({ nr: 7 }), Error, "out of range");
});

Deno.test("output to a port without a back end is thrown away, and its buffers come back", () => {
  const c = new Console("", 0, ["virtconsole"]);
  c.give(1, text("nobody hears"));
  assertEquals(c.used(QUEUE[1]), [{ id: 0, len: 0 }]);
});

Deno.test("after a reset the guest is no longer connected and nothing can be received", () => {
  const c = new Console("", 0);
  c.give(0, 16);
  assertEquals(c.chardev.frontend!.canReceive(), 16);
  c.status = 0;
  assertEquals(c.chardev.frontend!.canReceive(), 0);
  c.chardev.frontend!.receive(text("lost"));
  assertEquals(c.used(QUEUE[0]), []);
});
