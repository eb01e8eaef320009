import { MmioReg as R } from "../../../spec/virtio/mmio.ts";
import type { Check, Value } from "../check.ts";
import { Area, MMIO_STRIDE, MmioFront, type Place, Ring } from "../driver/mod.ts";
import type { World } from "../world.ts";
import { dump, dumpAll, hex } from "./dump.ts";
import {
  ask,
  machineWords,
  MICROVM,
  MMIO_VARIANTS,
  MODERN_MMIO,
  type Question,
  type Variant,
} from "./variants.ts";

/** All registers and the start of the configuration, every offset and width. */
const window = (d: MmioFront): Value => dumpAll((offset, width) => d.read(offset, width), 0, 0x120);
/** The registers only: what a driver changes. */
const registers = (d: MmioFront): Value => dump((offset) => d.read(offset), 0, 0x110, 4, 4);

/** Which transports there are, and what is behind them; one more than the largest line-up has. */
function transports(world: World): Value {
  return Array.from({ length: 25 }, (_, slot) => {
    const d = new MmioFront(world, slot);
    return [R.MAGIC_VALUE, R.VERSION, R.DEVICE_ID, R.VENDOR_ID].map((at) => hex(d.read(at))).join(" ");
  });
}

function emptySlot(world: World): Value {
  const d = new MmioFront(world, 1);
  const before = window(d);
  for (let at = 0; at < MMIO_STRIDE; at += 4) d.write(at, 0xffff_ffff);
  return { before, after: registers(d) };
}

function features(d: MmioFront): Value {
  const words: Record<string, string> = {};
  for (const i of [0, 1, 2, 3, 0x8000_0000, 0xffff_ffff]) words[`word ${i}`] = hex(d.offered(i));
  return words;
}

function queues(d: MmioFront): Value {
  const rows: Record<string, string> = {};
  for (const n of [...Array(8).keys(), 63, 64, 65, 1023, 1024, 0xffff]) {
    d.select(n);
    rows[n] = [R.QUEUE_NUM_MAX, R.QUEUE_READY].map((at) => hex(d.read(at))).join(" ");
  }
  return { "max ready": rows };
}

const deviceConfig = (d: MmioFront): Value => ({
  ...dumpAll((offset, width) => d.config(offset, width), 0, 0x20) as Record<string, Value>,
  "last bytes": dumpAll((offset, width) => d.read(offset, width), 0x1f0, 0x1fc),
});

function atWork(d: MmioFront): Value {
  const offered = d.features;
  const packed = (offered & 1n << 34n) !== 0n;
  const accepted = d.negotiate(offered);
  const negotiated = registers(d);
  d.setQueue(new Ring(d, packed, 0, 4));
  const setUp = registers(d);
  d.status = 15;
  const running = window(d);
  d.status = 0;
  return { accepted, negotiated, "queue 0 ready": setUp, running, "after reset": registers(d) };
}

function minimal(d: MmioFront): Value {
  const accepted = d.negotiate(d.features & 1n << 32n);
  d.setQueue({
    index: 0,
    size: 8,
    desc: Area.QUEUES,
    driver: Area.QUEUES + 0x1000,
    device: Area.QUEUES + 0x2000,
  });
  d.status = 15;
  return { accepted, running: registers(d) };
}

const modern = (v: Variant) => !v.name.endsWith(",legacy");
const LAYOUT = "virtio 1.4, 4.2.2";

const QUESTIONS: readonly Question<MmioFront>[] = [
  { what: "window", title: "the window after reset, every offset and width", spec: LAYOUT, run: window },
  { what: "features", title: "feature words", spec: "virtio 1.4, 2.2", run: features },
  { what: "queues", title: "queue registers of queue numbers", spec: LAYOUT, run: queues },
  {
    what: "device-config",
    title: "device configuration, and beyond its end",
    spec: LAYOUT,
    run: deviceConfig,
  },
  {
    what: "at-work",
    title: "registers from FEATURES_OK to reset, all features",
    spec: "virtio 1.4, 3.1.1",
    run: atWork,
    where: modern,
  },
  {
    what: "minimal",
    title: "registers with VERSION_1 alone",
    spec: "virtio 1.4, 3.1.1",
    run: minimal,
    where: modern,
  },
];

/** A version 1 device has nothing to put back: its checks only read. */
const front = (world: World, { slot }: Place) => {
  const d = new MmioFront(world, slot);
  return d.read(R.VERSION) === 1 ? d : d.rewind();
};

/** Where devices go that no `bus=` sends anywhere, in each line-up. */
const PLACES: readonly Check[] = MICROVM.flatMap((machine) =>
  [false, true].map((legacy): Check => ({
    id: `static/${machine}/transports${legacy ? ",legacy" : ""}`,
    title: "all transports of the machine, an empty one, and where devices go by themselves",
    spec: LAYOUT,
    kind: "static",
    machine: machineWords(
      machine,
      `${legacy ? "" : `${MODERN_MMIO} `}-device virtio-rng-device,rng=r0 -device virtio-serial-device`,
    ),
    run: (world) => ({ transports: transports(world), empty: emptySlot(world) }),
  }))
);

/** virtio-mmio transports of microvm, in its three line-ups. */
export const mmioChecks: readonly Check[] = [...ask(MMIO_VARIANTS, QUESTIONS, front), ...PLACES];
