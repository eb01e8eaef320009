import { chains } from "./generate_chain.ts";
import { command, frameAndRoom, frameIn } from "./generate_net.ts";
import { filtered } from "./generate_net_filter.ts";
import { strayLegacy } from "./generate_legacy.ts";
import { movedQueue } from "./generate_mmio_legacy.ts";
import { strayAccess, strayConfig, strayMsix, strayNotify } from "./generate_registers.ts";
import { bringUp, negotiate, readQueue, setUpQueue } from "./generate_setup.ts";
import { controlMessages, emergencyWrite, hostInput, openPort } from "./generate_console.ts";
import type { Driver } from "./driver.ts";

type Action = (d: Driver) => void;

/** One of the things that a driver does with a device that is up, or that it thinks is up. */
export function bodyAction(d: Driver): void {
  const serial = d.target.device === "serial";
  const choices: [number, Action][] = [
    [45, chains],
    [8, suppress],
    [6, (d) => d.readIsr()],
    [10, strayAccess],
    [3, strayNotify],
    [3, readStatus],
    [2, ringReset],
    [2, deviceReset],
    [2, changeStatus],
    [1, setUpAgain],
  ];
  if (d.msix) choices.push([5, maskedInterrupt]);
  if (!d.mmio) choices.push([2, busMaster], [d.msix ? 6 : 1, strayMsix], [1, intxDisable], [1, allOfCommand]);
  else choices.push([6, acknowledge]);
  if (serial) {
    choices.push([8, hostInput], [d.multiport ? 14 : 1, controlMessages], [d.multiport ? 6 : 0, openPort], [
      2,
      emergencyWrite,
    ]);
  }
  if (d.target.transport === "transitional") choices.push([6, strayLegacy]);
  if (d.version1) choices.push([8, movedQueue]);
  if (d.target.device === "net") {
    choices.push([14, (d) => frameAndRoom(d)], [5, (d) => frameIn(d)], [12, command], [8, filtered], [
      2,
      strayConfig,
    ]);
  }
  d.dice.weighted(choices)(d);
}

/** Which interrupts are wanted: flags and events, near the driver's own position. */
function suppress(d: Driver): void {
  const { dice } = d;
  const queue = d.anyQueue();
  if (queue === undefined) return;
  const flags = d.packed
    ? dice.weighted([[3, 0], [3, 1], [5, 2], [1, 3], [1, 0x8002]])
    : dice.weighted([[3, 0], [4, 1], [1, 2], [1, 0xffff]]);
  const event = dice.int(-2, 3);
  const which = dice.weighted([[3, "flags"], [d.eventIdx ? 6 : 1, "event"], [3, "both"]]);
  d.add({
    op: "suppress",
    q: queue.q,
    ...which === "event" ? {} : { flags },
    ...which === "flags" ? {} : { event },
  });
}
function readStatus(d: Driver): void {
  if (d.mmio) d.read("mmio", d.dice.pick([0x70, 0xfc]), 4);
  else if (d.legacy) d.read("legacy", 18, 1);
  else d.read("common", d.dice.pick([0x14, 0x15]), 1);
}
function acknowledge(d: Driver): void {
  const { dice } = d;
  if (dice.chance(0.5)) d.read("mmio", 0x60, 4);
  d.write("mmio", 0x64, 4, dice.pick([1, 3, 2, 3, 0]));
}
/** Reset of one queue, and mostly a new start of it. */
function ringReset(d: Driver): void {
  const { dice } = d;
  const queue = d.anyQueue();
  const q = queue?.q ?? 0;
  if (d.version1) return setUpQueue(d, q);
  if (d.mmio) {
    // QEMU 7.2 has no reset of a queue on MMIO.
    d.select(q);
    d.enable(0);
    if (dice.chance(0.5)) readQueue(d);
    if (dice.chance(0.7)) setUpQueue(d, q);
    return;
  }
  // There is no such thing in the legacy interface; the modern one has it all the same.
  if (d.legacy && dice.chance(0.8)) return setUpQueue(d, q);
  d.select(dice.chance(0.03) ? 1023 : q);
  const reset = !dice.chance(0.1);
  d.write("common", 0x3a, 2, reset ? 1 : dice.pick([0, 2, 0x101]));
  if (reset) d.queues.delete(q);
  if (dice.chance(0.5)) d.read("common", 0x3a, 2);
  if (dice.chance(0.5)) readQueue(d);
  if (dice.chance(0.75)) setUpQueue(d, q);
}
function deviceReset(d: Driver): void {
  d.setStatus(0);
  if (d.dice.chance(0.3)) readStatus(d);
  if (d.dice.chance(0.8)) bringUp(d);
}
function changeStatus(d: Driver): void {
  const { dice } = d;
  d.setStatus(dice.pick([11, 3, 0x8f, 15, 15, 7, 0x4f, 1, 31]));
  if (d.target.transport === "transitional" && dice.chance(0.1)) d.legacy = !d.legacy;
  if (dice.chance(0.3)) negotiate(d);
  if (dice.chance(0.7)) d.setStatus(d.ok);
}
function setUpAgain(d: Driver): void {
  setUpQueue(d, d.dice.int(0, d.target.queues - 1));
}
/** Bus mastering off, something, and on again. */
function busMaster(d: Driver): void {
  const { dice } = d;
  d.write("cfg", 4, 2, dice.pick([3, 3, 2, 0x403]));
  // DRIVER_OK without bus mastering and a packed ring with buffers: QEMU's entropy device turns for ever.
  const calm = d.packed && d.target.device === "rng" && dice.chance(0.998);
  for (let n = calm ? 0 : dice.int(0, 2); n > 0; n--) bodyAction(d);
  if (calm) readStatus(d);
  if (calm || dice.chance(0.8)) d.write("cfg", 4, 2, 7);
  // Status 3 alone gives a legacy driver the bus.
  if (d.legacy && dice.chance(0.5)) d.setStatus(3);
  if (dice.chance(0.6)) d.setStatus(d.ok);
}
function intxDisable(d: Driver): void {
  const { dice } = d;
  // QEMU 7.2 overlooks the bit in a byte of its own.
  if (dice.chance(0.15)) d.write("cfg", 5, 1, 4);
  else d.write("cfg", 4, 2, dice.pick([0x407, 7]));
  if (dice.chance(0.5)) d.read("cfg", 4, 4);
}
/** Bits of COMMAND that mean nothing, and those that do. */
function allOfCommand(d: Driver): void {
  d.write("cfg", 4, d.dice.pick([2, 4]), d.dice.pick([0xffff, 0xfbff, 0xfff7]));
  d.read("cfg", 4, 4);
  d.write("cfg", 4, 2, 7);
}
/** A message that has to wait: a vector or the function is masked, something is used, the mask goes away. */
function maskedInterrupt(d: Driver): void {
  const { dice } = d;
  const v = dice.int(0, d.target.vectors - 1);
  const mask = dice.chance(0.5)
    ? (on: boolean) => d.write("msix", 16 * v + 12, 4, on ? 1 : 0)
    : (on: boolean) => d.write("cfg", 0x9a, 2, on ? 0xc000 : 0x8000);
  mask(true);
  chains(d);
  if (dice.chance(0.4)) d.read("msix", 0x800, 4);
  if (dice.chance(0.9)) mask(false);
}
