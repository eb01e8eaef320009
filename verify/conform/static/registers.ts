import { PciCfg } from "../../../spec/pci.ts";
import { CommonCfg as C } from "../../../spec/virtio/pci.ts";
import type { Check, Value } from "../check.ts";
import { Area, PciFront, Ring } from "../driver/mod.ts";
import { dump, dumpAligned, dumpAll, hex, WIDTHS } from "./dump.ts";
import { ask, PCI_VARIANTS, type Question, type Variant } from "./variants.ts";

const COMMON_END = 0x48;
const VERSION_1 = 1n << 32n;

const common = (d: PciFront): Value => dumpAll((offset, width) => d.read(offset, width), 0, COMMON_END);
/** Without the unaligned accesses, where the same is looked at again and again. */
const aligned = (d: PciFront): Value => dumpAligned((offset, width) => d.read(offset, width), 0, COMMON_END);

function features(d: PciFront): Value {
  const words: Record<string, string> = {};
  for (const i of [0, 1, 2, 3, 4, 0x8000_0000, 0xffff_ffff]) words[`word ${i}`] = hex(d.offered(i));
  return words;
}

/** Every queue register of every queue, and of numbers that name none. */
function queues(d: PciFront): Value {
  const count = d.read(C.NUM_QUEUES, 2);
  const rows: Record<string, string> = {};
  for (const n of [...Array(count + 3).keys(), 1023, 1024, 0xffff]) {
    d.select(n);
    rows[n] = [C.QUEUE_SELECT, C.QUEUE_SIZE, C.QUEUE_MSIX_VECTOR, C.QUEUE_ENABLE, C.QUEUE_NOTIFY_OFF].map((
      at,
    ) => hex(d.read(at, 2), 2)).join(" ");
  }
  return { count, "select size vector enable notify_off": rows };
}

const deviceConfig = (d: PciFront): Value => ({
  ...dumpAll((offset, width) => d.config(offset, width), 0, 0x20) as Record<string, Value>,
  "last bytes": dump((offset, width) => d.config(offset, width), 0xff0, 0x1000, 4),
});

/** What the other structures answer: interrupt status, the notification area, the gaps, the window in configuration space. */
function others(d: PciFront): Value {
  const notify = (offset: number) => d.load(d.notify + offset, 4);
  const window = WIDTHS.map((width) => {
    d.cfg.write(d.window + 12, width);
    return dump(
      (offset) => {
        d.cfg.write(d.window + 8, offset);
        return d.cfg.read(d.window + 16, width);
      },
      0,
      0x40,
      width,
      width,
    );
  });
  return {
    isr: dumpAll((offset, width) => d.load(d.isr + offset, width), 0, 8),
    notify: [0, 1, 2, 4, 8, 0x20, 0x80, 0xffc].map((at) => hex(notify(at))),
    "behind the common structure": dump((offset) => d.read(offset), 0x48, 0x100, 4, 4),
    "end of its page": dump((offset, width) => d.read(offset, width), 0xff8, 0x1000, 2, 2),
    "through the window": window,
  };
}

function msix(d: PciFront): Value {
  if (d.msix === 0) return "none";
  const at = d.bases.msix;
  const table = Math.min(16 * d.vectors, 0x100);
  const pba = (d.cfg.read(d.msix + 8) & ~7) >>> 0;
  const pending = Math.min(Math.ceil(d.vectors / 64) * 8 + 16, 0x40);
  return {
    control: hex(d.msixControl, 2),
    table: dumpAll((offset, width) => d.load(at + offset, width), 0, table),
    "behind the table": dump((offset) => d.load(at + offset, 4), 16 * d.vectors, 16 * d.vectors + 0x20, 4, 4),
    pending: dumpAll((offset, width) => d.load(at + pba + offset, width), 0, pending),
  };
}

/** The legacy ports after reset, with the two places where the device's own configuration can be. */
function legacy(d: PciFront): Value {
  const { platform } = d.world;
  if ((d.cfg.read(0x10) & 1) === 0) return "none";
  const ports = () =>
    dumpAll((offset, width) => platform.portRead(d.bases.legacy + offset, width), 0, 0x30) as Record<
      string,
      Value
    >;
  const off = ports();
  if (d.msix === 0) return { off };
  d.msixControl = 0x8000;
  const on = ports();
  d.msixControl = 0;
  const selected: Record<string, string> = {};
  for (const n of [1, 2, 5, 63, 64, 65, 1023, 1024, 0xffff]) {
    platform.portWrite(d.bases.legacy + 14, 2, n);
    selected[n] = [8, 12, 14].map((at) => hex(platform.portRead(d.bases.legacy + at, at === 8 ? 4 : 2), 4))
      .join(" ");
  }
  platform.portWrite(d.bases.legacy + 18, 1, 0);
  return { off, on, "selected: pfn size select": selected };
}

/** All registers while a driver with everything on offer is at work, and after it went away. */
function atWork(d: PciFront): Value {
  const offered = d.features;
  const packed = (offered & 1n << 34n) !== 0n;
  const accepted = d.negotiate(offered);
  const negotiated = aligned(d);
  d.setQueue(new Ring(d, packed, 0, 4));
  const setUp = aligned(d);
  d.status = 15;
  const running = common(d);
  d.status = 0;
  return { accepted, negotiated, "queue 0 enabled": setUp, running, "after reset": aligned(d) };
}

/** As {@link atWork}, for a driver that accepts VERSION_1 only. */
function minimal(d: PciFront): Value {
  const accepted = d.negotiate(d.features & VERSION_1);
  d.setQueue({
    index: 0,
    size: 8,
    desc: Area.QUEUES,
    driver: Area.QUEUES + 0x1000,
    device: Area.QUEUES + 0x2000,
  });
  d.status = 15;
  return { accepted, running: common(d) };
}

const modern = (variant: Variant) => !variant.name.includes("disable-modern=on");
const LAYOUT = "virtio 1.4, 4.1.4.3";

const QUESTIONS: readonly Question<PciFront>[] = [
  {
    what: "common",
    title: "common configuration after reset, every offset and width",
    spec: LAYOUT,
    run: common,
    where: modern,
  },
  { what: "features", title: "feature words", spec: "virtio 1.4, 2.2", run: features, where: modern },
  {
    what: "queues",
    title: "queue registers of every queue number",
    spec: LAYOUT,
    run: queues,
    where: modern,
  },
  {
    what: "at-work",
    title: "common configuration from FEATURES_OK to reset, all features",
    spec: "virtio 1.4, 3.1.1",
    run: atWork,
    where: modern,
  },
  {
    what: "minimal",
    title: "common configuration with VERSION_1 alone",
    spec: "virtio 1.4, 3.1.1",
    run: minimal,
    where: modern,
  },
  {
    what: "device-config",
    title: "device configuration, and beyond its end",
    spec: "virtio 1.4, 4.1.4.6",
    run: deviceConfig,
    where: modern,
  },
  {
    what: "others",
    title: "ISR, notification area, gaps, pci_cfg window",
    spec: "virtio 1.4, 4.1.4",
    run: others,
    where: modern,
  },
  { what: "msix", title: "MSI-X table and pending bits", spec: "PCI 3.0, 6.8.2", run: msix },
  { what: "legacy", title: "legacy ports", spec: "virtio 1.4, 4.1.4.10", run: legacy },
];

/** The registers of each device, in the states that a driver brings it to. */
export const registerChecks: readonly Check[] = ask(
  PCI_VARIANTS,
  QUESTIONS.map((q) => ({ ...q, run: (d: PciFront) => alone(d, q.run) })),
  (world, place) => new PciFront(world, place),
);

/** Only one device at a time has its BARs in place: all use the same addresses. */
function alone(d: PciFront, run: (d: PciFront) => Value): Value {
  try {
    return run(d.rewind());
  } finally {
    d.cfg.write(PciCfg.COMMAND, 0, 2);
  }
}
