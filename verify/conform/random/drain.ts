import { LegacyMmioReg } from "../../../spec/mod.ts";
import { PAGE } from "../driver/mod.ts";
import type { World } from "../world.ts";
import type { Registers } from "./places.ts";
import { legacyPlace, Ram, ringPlace } from "./program.ts";
import { DriverRing } from "./ring.ts";
import type { Target } from "./targets.ts";
import type { Window } from "./window.ts";

const VERSION_1_WORD = 1;
/** Bytes of host input that one buffer takes: more than a program gives. */
const BUFFER = 4096;
const MOST_ROUNDS = 16;

/** Takes the host input that a program left behind: brings the serial device up, offers a buffer until nothing comes. */
export function drainInput(world: World, r: Registers, window: Window, { transport }: Target): void {
  const mmio = transport === "mmio" || transport === "mmio1";
  const place = transport === "mmio1" ? legacyPlace(0, 1) : ringPlace(0, 1);
  r.setStatus(3);
  if (transport === "mmio1") {
    r.write("mmio", LegacyMmioReg.GUEST_PAGE_SIZE, 4, PAGE);
    r.write("mmio", 0x30, 4, 0);
    r.write("mmio", 0x38, 4, 1);
    r.write("mmio", LegacyMmioReg.QUEUE_PFN, 4, place.desc / PAGE);
  } else if (mmio) {
    r.write("mmio", 0x24, 4, 1);
    r.write("mmio", 0x20, 4, VERSION_1_WORD);
    r.setStatus(11);
    r.write("mmio", 0x30, 4, 0);
    r.write("mmio", 0x38, 4, 1);
    for (const [off, at] of [[0x80, place.desc], [0x90, place.driver], [0xa0, place.device]]) {
      r.write("mmio", off, 4, at);
    }
    r.write("mmio", 0x44, 4, 1);
  } else {
    r.write("common", 0x08, 4, 1);
    r.write("common", 0x0c, 4, VERSION_1_WORD);
    r.setStatus(11);
    r.write("common", 0x16, 2, 0);
    r.write("common", 0x18, 2, 1);
    for (const [off, at] of [[0x20, place.desc], [0x28, place.driver], [0x30, place.device]]) {
      r.write("common", off, 4, at);
    }
    r.write("common", 0x1c, 2, 1);
  }
  const ring = new DriverRing({ op: "ring", q: 0, packed: false, size: 1, ...place }, window);
  r.setStatus(transport === "mmio1" ? 7 : 15);
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const before = window.u16At(place.device + 2);
    ring.chain({ op: "chain", q: 0, d: [{ a: Ram.buffers, n: BUFFER, f: 2 }] });
    ring.publish(0);
    if (mmio) r.write("mmio", 0x50, 4, 0);
    else r.write("notify", 0, 2, 0);
    world.settle();
    world.settle();
    if (window.u16At(place.device + 2) === before) return;
  }
}
