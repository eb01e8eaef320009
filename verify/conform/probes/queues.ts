import { CommonCfg as C } from "../../../spec/virtio/pci.ts";
import type { Check, Value } from "../check.ts";
import { buffer, PciFront, Ring, W } from "../driver/mod.ts";
import { dump } from "../static/dump.ts";
import { checksOf, MACHINES, PACKED, type Probe, RngProbe, VERSION_1, written } from "./session.ts";

const LAYOUT = "virtio 1.4, 4.1.4.3", RULES = "virtio 1.4, 4.1.4.3.2";
const SIZES = [128, 100, 3, 1, 0, 256, 257, 512, 1024, 1025, 2048, 32768, 65535, 8];

/** Registers of the selected queue. */
export const selected = (d: PciFront): Value =>
  [C.QUEUE_SELECT, C.QUEUE_SIZE, C.QUEUE_MSIX_VECTOR, C.QUEUE_ENABLE, C.QUEUE_NOTIFY_OFF, C.QUEUE_RESET].map((
    at,
  ) => d.read(at, 2));
/** The whole structure. */
export const registers = (d: PciFront): Value => dump((at) => d.read(at), 0, 0x40, 4, 4);

/** One chain and its outcome. */
export function serve(d: PciFront, ring: Ring, head = 0): Value {
  ring.chain([{ addr: buffer(head), flags: W }], head);
  d.kick(0);
  d.run();
  return {
    used: ring.takeUsed().map((u) => ({ ...u })),
    written: written(d),
    status: d.status,
    isr: d.takeIsr(),
  };
}

const sizes = (features: bigint): Probe<PciFront>["run"] => (d) => {
  d.negotiate(features);
  d.select(0);
  const readBack = SIZES.map((size) => {
    d.write(C.QUEUE_SIZE, size, 2);
    return d.read(C.QUEUE_SIZE, 2);
  });
  const status = d.status;
  d.status = 0;
  d.select(0);
  return { readBack, status, "after reset": selected(d) };
};

const probes: readonly Probe<PciFront>[] = [
  { name: "sizes-split", title: "queue_size: what is taken", spec: LAYOUT, run: sizes(VERSION_1) },
  {
    name: "sizes-packed",
    title: "queue_size: what is taken, packed ring",
    spec: LAYOUT,
    run: sizes(VERSION_1 | PACKED),
  },
  {
    name: "select",
    title: "queue_select of numbers that name no queue, by every width",
    spec: LAYOUT,
    run: (d) =>
      ([[7, 2], [0xffff, 2], [1023, 2], [1024, 2], [0, 1], [5, 1], [0x1_0003, 4], [0xffff_ffff, 4], [
        0,
        4,
      ]] as const)
        .map(([value, width]) => {
          d.write(C.QUEUE_SELECT, value, width);
          return selected(d);
        }),
  },
  {
    name: "areas-read-back",
    title: "addresses written in halves, before enabling, and of a queue that does not exist",
    spec: "virtio 1.4, 4.1.3.1",
    run(d) {
      const write = () => {
        for (let at: number = C.QUEUE_DESC; at < 0x38; at += 4) d.write(at, 0x1000_0000 + at);
        return registers(d);
      };
      d.select(0);
      const first = write();
      d.select(3);
      const none = write();
      d.select(0);
      return { first, none, again: registers(d), enable: d.read(C.QUEUE_ENABLE, 2) };
    },
  },
  {
    name: "areas-narrow",
    title: "addresses written by bytes and words",
    spec: "virtio 1.4, 4.1.3.1",
    run(d) {
      d.select(0);
      const results: Value[] = [];
      for (
        const [at, width] of [[0, 1], [1, 1], [2, 2], [0, 2], [4, 2], [6, 2], [8, 1], [0x17, 1]] as const
      ) {
        d.write(C.QUEUE_DESC, 0x1234_5678);
        d.write(C.QUEUE_DESC + at, 0xffff_ffff, width);
        results.push(registers(d));
      }
      return results;
    },
  },
  {
    name: "every-write",
    title: "each offset written by each width, and all registers after it",
    spec: LAYOUT,
    run(d) {
      const results: Record<string, Value> = {};
      for (const width of [1, 2, 4] as const) {
        for (let at = 0; at < 0x40; at++) {
          d.status = 0;
          d.write(C.DEVICE_FEATURE_SELECT, 0);
          d.write(C.DRIVER_FEATURE_SELECT, 0);
          d.write(C.DRIVER_FEATURE, 0);
          d.write(at, 0x0001_0001, width);
          results[`+${at} width ${width}`] = registers(d);
        }
      }
      d.status = 0;
      return results;
    },
  },
  {
    name: "enable-values",
    title: "queue_enable of 0, 2 and 0xffff",
    spec: RULES,
    run: (d) =>
      [0, 2, 0x100, 0xffff].map((value) => {
        d.negotiate(VERSION_1);
        const ring = new Ring(d, false, 0, 8);
        d.setQueue(ring, false);
        d.write(C.QUEUE_ENABLE, value, 2);
        const first = [d.read(C.QUEUE_ENABLE, 2), d.status, d.takeIsr()];
        d.write(C.QUEUE_ENABLE, 1, 2);
        return [first, [d.read(C.QUEUE_ENABLE, 2), d.status, d.takeIsr()]];
      }),
  },
  {
    name: "disable-while-running",
    title: "queue_enable written 0 while the queue runs",
    spec: RULES,
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      const before = p.go();
      d.select(0);
      d.write(C.QUEUE_ENABLE, 0, 2);
      const off = [d.read(C.QUEUE_ENABLE, 2), d.status];
      p.ring.chain([{ flags: W }], 1);
      return { before, off, after: p.go() };
    },
  },
  {
    name: "enable-twice",
    title: "queue_enable written twice, the second time with the queue in use",
    spec: RULES,
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      const before = p.go();
      d.select(0);
      d.write(C.QUEUE_ENABLE, 1, 2);
      p.ring.chain([{ addr: buffer(1), flags: W }], 1);
      return { before, after: p.go() };
    },
  },
  {
    name: "enable-nobody",
    title: "a queue enabled that does not exist",
    spec: RULES,
    run(d) {
      d.negotiate(VERSION_1);
      const ring = new Ring(d, false, 0, 8);
      d.setQueue({ index: 5, size: 8, desc: ring.desc, driver: ring.driver, device: ring.device });
      const regs = selected(d);
      d.kick(5);
      d.run();
      return { regs, status: d.status, isr: d.takeIsr() };
    },
  },
  {
    name: "enable-without-areas",
    title: "a queue enabled whose areas were not written",
    spec: RULES,
    run(d) {
      d.negotiate(VERSION_1);
      d.select(0);
      d.write(C.QUEUE_ENABLE, 1, 2);
      d.status = 15;
      d.kick(0);
      d.run();
      return { regs: selected(d), status: d.status, isr: d.takeIsr() };
    },
  },
  {
    name: "enable-without-size",
    title: "a queue enabled whose size was not written",
    spec: RULES,
    run(d) {
      d.negotiate(VERSION_1);
      const ring = new Ring(d, false, 0, 8);
      d.select(0);
      for (
        const [at, value] of [[C.QUEUE_DESC, ring.desc], [C.QUEUE_DRIVER, ring.driver], [
          C.QUEUE_DEVICE,
          ring.device,
        ]]
      ) {
        d.write(at, value);
        d.write(at + 4, 0);
      }
      d.write(C.QUEUE_ENABLE, 1, 2);
      d.status = 15;
      d.run();
      return { regs: selected(d), served: serve(d, ring) };
    },
  },
  {
    name: "not-enabled",
    title: "a queue that was not enabled",
    spec: RULES,
    run(d) {
      d.negotiate(VERSION_1);
      const ring = new Ring(d, false, 0, 8);
      d.setQueue(ring, false);
      d.status = 15;
      d.run();
      const before = serve(d, ring);
      d.select(0);
      d.write(C.QUEUE_ENABLE, 1, 2);
      d.kick(0);
      d.run();
      return { before, used: ring.takeUsed().map((u) => ({ ...u })), status: d.status, isr: d.takeIsr() };
    },
  },
  {
    name: "size-while-running",
    title: "queue_size written while the queue runs",
    spec: RULES,
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      const before = p.go();
      d.select(0);
      d.write(C.QUEUE_SIZE, 4, 2);
      const regs = selected(d);
      return { before, regs, status: d.status };
    },
  },
  {
    name: "areas-while-running",
    title: "addresses written while the queue runs: nothing moves",
    spec: RULES,
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      const before = p.go();
      d.select(0);
      d.write(C.QUEUE_DESC, 0x13_0000);
      d.write(C.QUEUE_DRIVER, 0x13_4000);
      d.write(C.QUEUE_DEVICE, 0x13_8000);
      p.ring.chain([{ addr: buffer(1), flags: W }], 1);
      return { before, after: p.go() };
    },
  },
];

/** Queue registers. */
export const queueChecks: readonly Check[] = checksOf("rng-pci/queues", MACHINES.rng.pci, probes);
