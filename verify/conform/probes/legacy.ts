import { MmioReg as R } from "../../../spec/virtio/mmio.ts";
import { DESC_SIZE } from "../../../spec/virtio/split.ts";
import type { Check, Value } from "../check.ts";
import { Area, buffer, FILL, type Front, MmioFront, PciFront, W } from "../driver/mod.ts";
import { dump } from "../static/dump.ts";
import { machineWords } from "../static/variants.ts";
import type { World } from "../world.ts";
import { frontOf, MACHINES } from "./session.ts";

const SPEC = "virtio 1.4, 4.1.4.10";
/** Ports of the legacy interface. */
const P = { FEATURES: 4, PFN: 8, SIZE: 12, SELECT: 14, NOTIFY: 16, STATUS: 18, ISR: 19 } as const;
const PAGE = 4096;
/** The legacy layout of a queue of 8: descriptors, available ring, and the used ring on the next page. */
const RING = Area.QUEUES;

/** Puts one buffer into a legacy ring. */
function offer(d: Front): void {
  const m = d.memory;
  m.setBigUint64(RING, BigInt(buffer(0)), true);
  m.setUint32(RING + 8, 64, true);
  m.setUint16(RING + 12, W, true);
  m.setUint16(RING + 8 * DESC_SIZE + 2, 1, true);
}
const served = (d: Front): Value => ({
  used: d.memory.getUint16(RING + PAGE + 2, true),
  written: d.bytes(buffer(0), 64).filter((b) => b !== FILL).length,
});

/** What can be read, and the two things that may be written: a selection and a reset. */
function reads(world: World): Value {
  const d = frontOf(world) as PciFront;
  const { platform } = world;
  const ports = () => dump((at) => platform.portRead(d.bases.legacy + at, 1), 0, 0x20, 1);
  const after = ports();
  d.negotiate(1n << 32n | 1n << 28n);
  d.setQueue({ index: 0, size: 8, desc: RING, driver: RING + 0x1000, device: RING + 0x2000 });
  d.status = 15;
  const running = ports();
  const selected = [1, 0, 1023, 1024, 0xffff].map((n) => {
    platform.portWrite(d.bases.legacy + P.SELECT, 2, n);
    return [P.PFN, P.SIZE, P.SELECT].map((at) =>
      platform.portRead(d.bases.legacy + at, at === P.PFN ? 4 : 2)
    );
  });
  platform.portWrite(d.bases.legacy + P.STATUS, 1, 0);
  return { after, running, selected, status: d.status, "after reset": ports() };
}

/** A driver of before virtio 1.0 on a transitional device. */
function drivesPci(world: World): Value {
  const d = frontOf(world) as PciFront;
  const { platform } = world;
  const out = (at: number, width: 1 | 2 | 4, value: number) =>
    platform.portWrite(d.bases.legacy + at, width, value);
  for (const status of [1, 3]) out(P.STATUS, 1, status);
  out(P.FEATURES, 4, 0);
  out(P.SELECT, 2, 0);
  out(P.PFN, 4, RING / PAGE);
  out(P.STATUS, 1, 7);
  const status = platform.portRead(d.bases.legacy + P.STATUS, 1);
  offer(d);
  out(P.NOTIFY, 2, 0);
  d.run();
  return { status, ...served(d) as Record<string, Value> };
}

/** The same over a version 1 transport. */
function drivesMmio(world: World): Value {
  const d = MmioFront.find(world).rewind();
  for (const status of [1, 3]) d.status = status;
  d.accept(0, 0);
  d.write(0x28, PAGE);
  d.select(0);
  d.write(R.QUEUE_NUM, 8);
  d.write(0x3c, PAGE);
  d.write(0x40, RING / PAGE);
  d.status = 7;
  const { status } = d;
  offer(d);
  d.kick(0);
  d.run();
  const result = { status, ...served(d) as Record<string, Value> };
  d.status = 0;
  return result;
}

const check = (id: string, title: string, machine: string, run: (world: World) => Value): Check => ({
  id,
  title,
  spec: SPEC,
  kind: "probe",
  machine,
  run,
});

/** The interface of before virtio 1.0. */
export const legacyChecks: readonly Check[] = [
  check("rng-pci/legacy/reads", "legacy ports beside the modern interface", MACHINES.rng.pci, reads),
  check("rng-pci/legacy/drives", "a driver that knows the legacy ports only", MACHINES.rng.pci, drivesPci),
  check(
    "rng-mmio/legacy/drives",
    "a driver of a version 1 transport",
    machineWords("microvm", "-device virtio-rng-device,rng=r0"),
    drivesMmio,
  ),
];
