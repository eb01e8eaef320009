import { assert, assertEquals } from "@std/assert";
import { flowHash } from "../../../spec/virtio/flow.ts";
import { Cable, card } from "./_cards.ts";

const PAIRS = 4;

/** A UDP datagram of a flow, there or back. */
function datagram(port: number, back = false): Uint8Array {
  const frame = new Uint8Array(60);
  frame.set(
    Uint8Array.fromHex("525400123456" + "020000000001" + "0800" + "4500002e00000000401162af0a00020f0a000202"),
  );
  const view = new DataView(frame.buffer);
  const [a, b] = back ? [53, port] : [port, 53];
  view.setUint16(34, a);
  view.setUint16(36, b);
  if (back) frame.copyWithin(50, 26, 30), frame.copyWithin(26, 30, 34), frame.copyWithin(30, 50, 54);
  return frame;
}

Deno.test("a flow has the same number both ways, and others mostly others; fragments go by their addresses alone", () => {
  const numbers = new Set<number>();
  for (let port = 1000; port < 1100; port++) {
    assertEquals(flowHash(datagram(port)), flowHash(datagram(port, true)));
    numbers.add(flowHash(datagram(port)) % PAIRS);
  }
  assertEquals(numbers.size, PAIRS);
  const fragment = datagram(1), other = datagram(2);
  fragment[20] = other[20] = 0x20;
  assertEquals(flowHash(fragment), flowHash(other));
  assertEquals(flowHash(new Uint8Array(60)), 0);
  const v6 = (port: number) => {
    const frame = new Uint8Array(70).fill(1);
    frame.set([0x86, 0xdd], 12);
    frame[20] = 17;
    frame[55] = port;
    return frame;
  };
  assert(flowHash(v6(1)) !== flowHash(v6(2)));
});

for (
  const [machine, word] of [["q35", "virtio-net-pci,mq=on"], [
    "microvm",
    "virtio-net-device,mq=on,packed=on",
  ]] as const
) {
  Deno.test(`several pairs: set by command, flows spread over them, answers come back where they left (${word})`, () => {
    const cable = new Cable();
    cable.queues = PAIRS;
    const { m, driver } = card(machine, word, {}, cable);
    assertEquals(driver.device.queues().length, 2 * PAIRS + 1);
    const moved = () => driver.device.queues().map((q) => q.indices.read ?? q.indices.poll);
    for (let port = 1000; port < 1100; port++) assert(driver.transmit(datagram(port)));
    m.until(() => cable.sent.length === 100);
    // The back end gives frames for two flows that the driver has sent.
    const before = moved();
    for (let i = 0; i < 20; i++) cable.give(datagram(1000, true)), cable.give(datagram(1002, true));
    let received = 0;
    m.until(() => {
      while (driver.receive() !== undefined) received++;
      return received === 40;
    });
    const after = moved();
    const used = after.map((n, i) => n - before[i]).filter((_, i) => i % 2 === 0 && i < 2 * PAIRS);
    const expected = new Array(PAIRS).fill(0);
    for (const port of [1000, 1002]) expected[flowHash(datagram(port)) % PAIRS] += 20;
    assertEquals(used, expected);
    driver.shutdown();
    assertEquals(m.alloc.live(), []);
    assertEquals(m.lines.filter((l) => /^(error|warn)/.test(l)), []);
  });
}

Deno.test("without MQ, or with a device that refuses, one pair does", () => {
  const cable = new Cable();
  cable.queues = PAIRS;
  const { m, driver } = card("q35", "virtio-net-pci", {}, cable);
  assertEquals(driver.device.queues().length, 3);
  for (let port = 0; port < 50; port++) assert(driver.transmit(datagram(port)));
  m.until(() => cable.sent.length === 50);
});

Deno.test("more pairs than are of use: some stay unused", () => {
  const cable = new Cable();
  cable.queues = 100;
  const { driver } = card("q35", "virtio-net-pci,mq=on", { memory: 64 << 20 }, cable);
  assertEquals(driver.device.queues().length, 17);
});
