import { ConsoleControl, ConsoleQueue } from "../../../spec/mod.ts";
import type { Driver } from "./driver.ts";
import { publish } from "./generate_chain.ts";
import { strayConfig } from "./generate_registers.ts";

/** Host input: a few bytes, now and then many. */
export function hostInput(d: Driver): void {
  const { dice } = d;
  const n = dice.weighted([[8, dice.int(1, 8)], [3, dice.int(9, 80)], [1, dice.int(81, 600)]]);
  // No 0x01: a multiplexed chardev would take it for itself.
  const bytes = Uint8Array.from({ length: n }, () => 0x20 + dice.int(0, 0x5e));
  d.add({ op: "input", hex: bytes.toHex() });
}

function message(d: Driver, port: number, event: number, value: number, length = 8): void {
  const queue = d.queues.get(ConsoleQueue.CTRL_TRANSMIT);
  if (queue === undefined) return;
  const bytes = new Uint8Array(Math.max(8, length));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, port, true);
  view.setUint16(4, event, true);
  view.setUint16(6, value, true);
  const at = d.bufferAt(bytes.length);
  d.add({ op: "poke", at, hex: bytes.subarray(0, length).toHex() });
  const cut = length === 8 && d.dice.chance(0.1) ? d.dice.int(1, 7) : 0;
  const whole = { a: at, n: length };
  d.add({
    op: "chain",
    q: queue.q,
    d: cut === 0 || queue.size < 2 ? [whole] : [{ a: at, n: cut }, { a: at + cut, n: length - cut }],
  });
  publish(d, queue);
}

/** Buffers for what the device says. */
function controlBuffers(d: Driver, count: number): void {
  const queue = d.queues.get(ConsoleQueue.CTRL_RECEIVE);
  if (queue === undefined) return;
  for (let i = 0; i < count && queue.waiting < queue.size; i++) {
    const n = d.dice.weighted([[40, 64], [30, 32], [1, d.dice.int(1, 30)]]);
    d.add({ op: "chain", q: queue.q, d: [{ a: d.bufferAt(n), n, f: 2 }] });
    queue.waiting++;
  }
  publish(d, queue);
}

/** Control messages, right and wrong ones. */
export function controlMessages(d: Driver): void {
  const { dice } = d;
  if (dice.chance(0.6)) controlBuffers(d, dice.int(1, 3));
  const port = dice.weighted([[6, 0], [4, 1], [1, 2], [1, 3], [1, 0xffff_ffff]]);
  const [event, value] = dice.weighted<[number, number]>([
    [4, [ConsoleControl.DEVICE_READY, 1]],
    [1, [ConsoleControl.DEVICE_READY, 0]],
    [5, [ConsoleControl.PORT_READY, 1]],
    [1, [ConsoleControl.PORT_READY, 0]],
    [5, [ConsoleControl.PORT_OPEN, 1]],
    [2, [ConsoleControl.PORT_OPEN, 0]],
    [1, [dice.int(0, 9), dice.int(0, 2)]],
  ]);
  message(d, port, event, value, dice.chance(0.06) ? dice.pick([1, 4, 7, 9, 12]) : 8);
  const queue = d.queues.get(ConsoleQueue.CTRL_RECEIVE);
  if (queue !== undefined && dice.chance(0.5)) queue.waiting = 0;
}

/** Opens a port as a driver does. */
export function openPort(d: Driver): void {
  const { dice } = d;
  controlBuffers(d, 3);
  if (dice.chance(0.7)) message(d, 0, ConsoleControl.DEVICE_READY, 1);
  const port = dice.chance(0.75) ? 0 : 1;
  message(d, port, ConsoleControl.PORT_READY, 1);
  message(d, port, ConsoleControl.PORT_OPEN, 1);
}

/** A character through the configuration. */
export function emergencyWrite(d: Driver): void {
  if (d.dice.chance(0.3)) return strayConfig(d);
  const value = d.dice.pick([0x58, 0x59, 0x5a5a, 0]);
  if (d.mmio) d.write("mmio", 0x108, 4, value);
  else if (d.legacy) d.write("legacy", d.legacyConfig + 8, 4, value);
  else d.write("device", 8, 4, value);
}
