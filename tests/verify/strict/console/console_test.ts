import { assertEquals } from "@std/assert";
import { ConsoleF, F } from "../../../../spec/virtio/features.ts";
import { MmioReg } from "../../../../spec/virtio/mmio.ts";
import { CONSOLE_RULES } from "../../../../verify/strict/rules/console/mod.ts";
import type { Setting } from "../../../drivers-gone-wrong/setting.ts";
import { drive, simulatedWorld } from "../../../drivers-gone-wrong/world.ts";
import { onceTest } from "../../../support/once.ts";
import { HandDevice, words } from "../support/hand.ts";

const READY = 0, ADD = 1, REMOVE = 2, PORT_READY = 3, CONSOLE_PORT = 4, OPEN = 6;
const message = (port: number, event: number, value: number) => words([port, 4], [event, 2], [value, 2]);

/** A console with two ports, whose driver has begun. */
class Ports extends HandDevice {
  private readonly room: number[];
  constructor(ready = true) {
    super(3, F.VERSION_1 | ConsoleF.MULTIPORT, [0, 1, 2, 3, 4, 5], CONSOLE_RULES);
    this.room = [0, 1, 2, 3, 4, 5, 6, 7].flatMap(() => this.publish(2, 64));
    if (ready) this.send(0, READY, 1);
  }
  send(port: number, event: number, value: number): void {
    this.publish(3, message(port, event, value));
  }
  /** The device sends a message, and the driver reads it. */
  hear(port: number, event: number, value = 0): void {
    const at = this.room.shift()!;
    this.device(at, message(port, event, value));
    this.use(2, 8);
    this.load(at, 8);
  }
  /** Waits, and ends with a reset. */
  over(): string[] {
    this.idle();
    this.time = 5e6;
    this.reset();
    return this.lines("");
  }
}

onceTest("ports that are added, made ready and opened give no report", () => {
  const ports = new Ports();
  for (const port of [0, 1]) ports.hear(port, ADD);
  ports.idle();
  for (const port of [1, 0]) ports.send(port, PORT_READY, 1);
  ports.hear(0, CONSOLE_PORT);
  ports.hear(1, 7);
  ports.send(0, OPEN, 1);
  ports.idle();
  // Closed later: that is no answer.
  ports.send(0, OPEN, 0);
  ports.hear(1, REMOVE);
  assertEquals(ports.over(), []);
});

onceTest("DEVICE_READY comes, and comes first", () => {
  assertEquals(new Ports(false).over(), [
    "violation console-device-ready: MULTIPORT was negotiated, and no DEVICE_READY was sent in 5000000 ns; " +
    "expected DEVICE_READY on the control transmit queue (3)",
  ]);
  const late = new Ports(false);
  late.hear(0, ADD);
  late.send(0, PORT_READY, 1);
  assertEquals(late.over(), [
    "violation console-device-ready: the first message is PORT_READY; expected DEVICE_READY",
  ]);
  assertEquals(new HandDevice(3, F.VERSION_1, [0, 1], CONSOLE_RULES).lines(""), []);
});

onceTest("CONSOLE_PORT is answered with PORT_OPEN of value 1, DEVICE_ADD with PORT_READY", () => {
  const added = () => {
    const ports = new Ports();
    ports.hear(0, ADD);
    ports.send(0, PORT_READY, 1);
    ports.hear(0, CONSOLE_PORT);
    return ports;
  };
  assertEquals(added().over(), [
    "violation console-port-open: the device sent CONSOLE_PORT for port 0, and no PORT_OPEN followed in 5000000 ns; " +
    "expected PORT_OPEN for port 0",
  ]);
  const closed = added();
  closed.send(0, OPEN, 0);
  assertEquals(closed.over(), [
    "violation console-port-open: PORT_OPEN with value 0 for port 0; expected value 1: the port is open",
  ]);
  const unready = new Ports();
  unready.hear(1, ADD);
  assertEquals(unready.over(), [
    "warning console-port-ready: the device sent DEVICE_ADD for port 1, and no PORT_READY followed in 5000000 ns; " +
    "expected PORT_READY for port 1",
  ]);
  // A driver that ends at once owes nothing: it may not have come so far.
  const ended = added();
  ended.reset();
  assertEquals(ended.lines(""), []);
});

onceTest("what drivers send is 8 bytes, a driver's event, for a port that there is", () => {
  const sent = (bytes: Uint8Array) => {
    const ports = new Ports();
    ports.hear(0, ADD);
    ports.send(0, PORT_READY, 1);
    ports.publish(3, bytes);
    return ports.over().map((l) => l.slice("violation console-message: ".length));
  };
  assertEquals(sent(message(0, OPEN, 1)), []);
  assertEquals(sent(message(0, OPEN, 1).subarray(0, 6)), [
    "a message of 6 bytes; expected 8: id, event, value",
  ]);
  assertEquals(sent(message(0, CONSOLE_PORT, 1)), [
    "the driver sends CONSOLE_PORT; expected DEVICE_READY (0), PORT_READY (3) or PORT_OPEN (6)",
  ]);
  assertEquals(sent(message(0, OPEN, 256)), ["PORT_OPEN with value 256; expected 0 or 1"]);
  assertEquals(sent(message(1, OPEN, 1)), [
    "PORT_OPEN for port 1; expected a port that the device has added",
  ]);
});

onceTest("each queue has buffers of its direction: of port 0, of control messages, of further ports", () => {
  const one = (multiport: boolean, queue: number, piece: Uint8Array | number) => {
    const features = F.VERSION_1 | (multiport ? ConsoleF.MULTIPORT : 0n);
    const device = new HandDevice(3, features, [0, 1, 2, 3, 4, 5], CONSOLE_RULES);
    device.publish(queue, piece);
    return device.reports("console-").filter((r) => /writable$|readable$/.test(r.rule)).map((r) =>
      `${r.rule}: ${r.found}`
    );
  };
  const bytes = message(0, READY, 1);
  for (const queue of [0, 2, 4]) {
    assertEquals(one(true, queue, 64), []);
    assertEquals(one(true, queue, bytes), [
      "console-receive-writable: a buffer of 8 bytes that is readable for the device, 1 of 1 in the chain",
    ]);
    assertEquals(one(true, queue + 1, bytes), []);
    assertEquals(one(true, queue + 1, 64), [
      "console-transmit-readable: a buffer of 64 bytes that is writable for the device, 1 of 1 in the chain",
    ]);
  }
  // Without MULTIPORT there are no such queues.
  assertEquals(one(false, 2, bytes), []);
  assertEquals(one(false, 1, 64).length, 1);
});

onceTest("buffers go to queues that there are", () => {
  const used = (features: bigint, queue: number, ports?: number) => {
    const device = new HandDevice(3, F.VERSION_1 | features, [0, 1, 2, 3, 4, 5, 6, 7], CONSOLE_RULES);
    if (ports !== undefined) device.config(4, ports, 4);
    device.publish(queue, queue % 2 === 0 ? 64 : message(0, READY, 1));
    return device.lines("console-queue").map((l) => l.slice("violation console-queue-exists: ".length));
  };
  for (const queue of [0, 1]) assertEquals(used(0n, queue), []);
  for (const queue of [0, 3, 5]) assertEquals(used(ConsoleF.MULTIPORT, queue, 2), []);
  assertEquals(used(0n, 2), [
    "a buffer in queue 2; expected queues 0 and 1, as MULTIPORT was not negotiated",
  ]);
  assertEquals(used(ConsoleF.MULTIPORT, 6, 2), [
    "a buffer in queue 6; expected queues 0 to 5, as max_nr_ports is 2",
  ]);
  assertEquals(used(ConsoleF.MULTIPORT, 6), []);
});

onceTest("of the configuration emerg_wr is written alone", () => {
  const device = new HandDevice(3, F.VERSION_1 | ConsoleF.SIZE | ConsoleF.EMERG_WRITE, [0, 1], CONSOLE_RULES);
  device.write(MmioReg.CONFIG + 8, 0x21);
  assertEquals(device.lines(""), []);
  device.write(MmioReg.CONFIG, 80, 2);
  assertEquals(device.lines(""), [
    "warning console-config-read-only: a write of 0x50 to cols (byte 0); expected reads alone",
  ]);
});

const CONSOLE: Setting = {
  device: "console",
  machine: "q35",
  ring: "split",
  eventIdx: false,
  indirect: false,
  interrupts: "msix",
};
for (const ring of ["split", "packed"] as const) {
  for (const [machine, interrupts] of [["q35", "msix"], ["microvm", "line"]] as const) {
    for (const more of [{}, { props: "max_ports=2", wants: ConsoleF.MULTIPORT }]) {
      const ports = "props" in more ? " with ports" : "";
      onceTest(`a console that is driven well gives no report (${machine}, ${ring}${ports})`, () => {
        const { reports, error } = drive(
          simulatedWorld({ ...CONSOLE, machine, interrupts, ring, ...more }, CONSOLE_RULES),
        );
        assertEquals([reports, error], [[], undefined]);
      });
    }
  }
}
