import { assert, assertEquals, assertThrows } from "@std/assert";
import { DriverError } from "../../../drivers/mod.ts";
import { card, frame } from "./_cards.ts";

for (const word of ["virtio-net-pci", "virtio-net-pci,packed=on", "virtio-net-pci,event_idx=off"]) {
  Deno.test(`a slow peer: a frame is refused, the driver hears of room, and none is lost (${word})`, () => {
    const { m, driver, cable } = card("q35", word);
    let writable = 0;
    driver.onWritable = () => writable++;
    cable.open = false;
    let sent = 0;
    const send = () => {
      while (sent < 2000 && driver.transmit(frame(100, sent))) sent++;
    };
    send();
    m.until(() => cable.sent.length === 0);
    assertEquals([sent, driver.transmit(frame(100, sent)), writable], [256, false, 0]);
    for (let round = 0; sent < 2000 || cable.sent.length < 2000; round++) {
      const before = writable;
      cable.open = true;
      cable.card!.sendReady!();
      m.until(() => writable > before || cable.sent.length === sent);
      cable.open = round % 2 === 1;
      send();
    }
    assertEquals(cable.sent.map((f) => f[20]), Array.from({ length: 2000 }, (_, i) => frame(100, i)[20]));
    assert(writable > 0);
    driver.shutdown();
    assertEquals(m.alloc.live(), []);
  });

  Deno.test(`a busy peer: more frames than there are buffers arrive in order, with few interrupts (${word})`, () => {
    const { m, driver, cable } = card("q35", word);
    let interrupts = 0;
    driver.onReceive = () => interrupts++;
    for (let i = 0; i < 1000; i++) cable.give(frame(60, i));
    assertEquals(cable.waiting.length, 1000 - 256);
    m.until(() => interrupts === 1);
    let received = 0;
    m.until(() => {
      for (let got = driver.receive(); got !== undefined; got = driver.receive()) {
        assertEquals(got.bytes[20], frame(60, received)[20]);
        received++;
      }
      return received === 1000;
    });
    assert(interrupts < 20, `${interrupts} interrupts`);
  });
}

Deno.test("polling, without any interrupt", () => {
  const { m, driver, cable } = card("q35", "virtio-net-pci");
  cable.echo = true;
  for (let i = 0; i < 1000; i++) {
    assert(driver.transmit(frame(200, i)));
    m.machine.relax();
    let got = driver.receive();
    while (got === undefined) got = (m.machine.relax(), driver.receive());
    assertEquals(got.bytes, frame(200, i));
  }
});

/** A frame with a VLAN tag, which does not count as part of the MTU. */
function tagged(length: number): Uint8Array {
  const bytes = frame(length);
  bytes.set([0x81, 0x00], 12);
  return bytes;
}

Deno.test("what cannot be sent is refused: empty, too long, a checksum that nobody fills in, a card that was shut down", () => {
  const { driver } = card("q35", "virtio-net-pci,host_mtu=1000");
  assertEquals(driver.mtu, 1000);
  assertThrows(() => driver.transmit(new Uint8Array(0)), DriverError, "a frame of 0 bytes");
  assert(driver.transmit(frame(1014)));
  assertThrows(() => driver.transmit(frame(1015)), DriverError, "expected 1 to 1014");
  assert(driver.transmit(tagged(1018)));
  assertThrows(() => driver.transmit(tagged(1019)), DriverError, "expected 1 to 1018");
  assertThrows(() => driver.transmit(frame(60), { start: 34, offset: 16 }), DriverError, "CSUM");
  driver.shutdown();
  assertThrows(() => driver.transmit(frame(60)), DriverError, "shut down");
  assertEquals(driver.receive(), undefined);
});
