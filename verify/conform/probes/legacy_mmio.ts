import { LegacyMmioReg as L, MmioReg as R } from "../../../spec/virtio/mmio.ts";
import { Avail, DESC_SIZE } from "../../../spec/mod.ts";
import type { Check, Value } from "../check.ts";
import { Area, MmioFront, PAGE, Ring, W } from "../driver/mod.ts";
import { machineWords } from "../static/variants.ts";
import { VERSION_1, written } from "./session.ts";

const EVENT_IDX = 1 << 29;
const RING = Area.QUEUES;

/** How a driver of a version 1 transport sets its queue up. */
interface Layout {
  readonly size?: number;
  readonly align?: number;
  /** GuestPageSize. */
  readonly page?: number;
}
/** The ring that the device has then. */
function ringOf(d: MmioFront, { size = 8, align = PAGE }: Layout, desc = RING): Ring {
  const driver = desc + DESC_SIZE * size;
  const device = Math.ceil((driver + Avail.RING + 2 * size) / align) * align;
  return new Ring(d, false, 0, size, { desc, driver, device });
}
/** From reset to the features. */
function begin(d: MmioFront, features = 0): void {
  for (const status of [0, 1, 3]) d.status = status;
  d.write(R.DRIVER_FEATURES_SEL, 0);
  d.write(R.DRIVER_FEATURES, features);
  d.select(0);
}
function running(d: MmioFront, layout: Layout = {}, features = 0): Ring {
  const { size = 8, align = PAGE, page = PAGE } = layout;
  begin(d, features);
  d.write(L.GUEST_PAGE_SIZE, page);
  d.write(R.QUEUE_NUM, size);
  d.write(L.QUEUE_ALIGN, align);
  d.write(L.QUEUE_PFN, RING / page);
  d.status = 7;
  d.run();
  return ringOf(d, layout);
}
/** Offers a buffer, and tells what came of it. */
function serve(d: MmioFront, ring: Ring): Value {
  ring.chain([{ flags: W }]);
  d.kick(0);
  d.run();
  return outcome(d, ring);
}
const outcome = (d: MmioFront, ring: Ring): Value => ({
  used: ring.takeUsed().map((u) => ({ ...u })),
  written: written(d),
  status: d.status,
  isr: d.takeIsr(),
  page: d.read(L.QUEUE_PFN),
  lines: d.world.takeLines(),
  wishes: [...ring.suppression],
});

const questions: readonly [name: string, title: string, (d: MmioFront) => Value][] = [
  [
    "align",
    "where the used ring begins: QueueAlign",
    (d) => [4, 64, 256, 24, PAGE].map((align) => serve(d, running(d, { align }))),
  ],
  ["align-stays", "QueueAlign after a reset, and 0", (d) => {
    running(d, { align: 64 });
    begin(d);
    d.write(L.QUEUE_ALIGN, 0);
    d.write(R.QUEUE_NUM, 8);
    d.write(L.QUEUE_PFN, RING / PAGE);
    d.status = 7;
    return serve(d, ringOf(d, { align: 64 }));
  }],
  [
    "page-size",
    "GuestPageSize is the unit of QueuePFN",
    (d) =>
      [PAGE, 1 << 16, 256, 1, 0x1100].map((page) => {
        const ring = running(d, { page });
        return page === 0x1100 ? d.read(L.QUEUE_PFN) : serve(d, ring);
      }),
  ],
  ["page-size-0", "GuestPageSize 0 and 2 GiB", (d) =>
    [0, 0x8000_0000].map((page) => {
      begin(d);
      d.write(L.GUEST_PAGE_SIZE, page);
      d.write(L.QUEUE_PFN, page === 0 ? RING : 1);
      const found = d.read(L.QUEUE_PFN);
      d.write(L.GUEST_PAGE_SIZE, PAGE);
      return [found, d.read(L.QUEUE_PFN), d.status];
    })],
  ["size-late", "QueueNum and QueueAlign after QueuePFN", (d) => {
    running(d, { size: 64 });
    d.write(R.QUEUE_NUM, 4);
    const first = serve(d, ringOf(d, { size: 4 }));
    running(d, { align: 64 });
    d.write(L.QUEUE_ALIGN, 1024);
    return [first, serve(d, ringOf(d, { align: 1024 }))];
  }],
  ["sizes", "sizes that no queue can have", (d) =>
    [0, 1025, 1024, 5].map((size) => {
      running(d);
      d.write(R.QUEUE_NUM, size);
      return [d.read(R.QUEUE_NUM_MAX), d.read(L.QUEUE_PFN), d.status];
    })],
  ["pfn-0", "QueuePFN 0 resets the device", (d) => {
    const ring = running(d, {}, EVENT_IDX);
    const before = serve(d, ring);
    d.write(L.QUEUE_PFN, 0);
    return { before, after: [d.status, d.read(L.QUEUE_PFN), d.takeIsr(), d.read(R.QUEUE_READY)] };
  }],
  ["features", "features are taken at once, of the first word only", (d) => {
    const served: Value[] = [];
    for (const [word, features] of [[1, EVENT_IDX], [0, EVENT_IDX], [0, 1 << 30]]) {
      const ring = running(d);
      d.write(R.DRIVER_FEATURES_SEL, word);
      d.write(R.DRIVER_FEATURES, features);
      ring.setEvent(1);
      served.push(serve(d, ring));
    }
    return served;
  }],
  ["no-queue", "QueuePFN of a queue that does not exist", (d) => {
    running(d);
    return [1, 1023].map((queue) => {
      d.select(queue);
      d.write(R.QUEUE_NUM, 8);
      d.write(L.QUEUE_ALIGN, 64);
      d.write(L.QUEUE_PFN, 7);
      return [d.read(R.QUEUE_NUM_MAX), d.read(L.QUEUE_PFN), d.status];
    });
  }],
  ["modern-registers", "registers of version 2, and its features, on a version 1 transport", (d) => {
    begin(d);
    d.negotiate(VERSION_1);
    const ring = new Ring(d, false, 0, 8);
    d.setQueue(ring);
    d.status = 15;
    const served = serve(d, ring);
    return [served, d.read(R.QUEUE_READY), d.read(L.QUEUE_PFN)];
  }],
  ["bad-ring", "a head that does not exist: no NEEDS_RESET", (d) => {
    const ring = running(d);
    ring.publish(8);
    d.kick(0);
    d.run();
    return [outcome(d, ring), serve(d, ring)];
  }],
];

/** A version 1 transport, whose driver knows nothing else. */
export const legacyMmioChecks: readonly Check[] = questions.map(([name, title, run]): Check => ({
  id: `rng-mmio/legacy/${name}`,
  title,
  spec: "virtio 1.4, 4.2.4",
  kind: "probe",
  machine: machineWords("microvm", "-device virtio-rng-device,rng=r0"),
  run: (world) => {
    const d = MmioFront.find(world).rewind();
    const found = run(d);
    d.status = 0;
    return found;
  },
}));
