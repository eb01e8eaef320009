import { CommonCfg as C } from "../../../spec/virtio/pci.ts";
import type { Check } from "../check.ts";
import { buffer, PciFront, Ring, W } from "../driver/mod.ts";
import { registers, selected, serve } from "./queues.ts";
import { checksOf, MACHINES, PACKED, type Probe, RngProbe, VERSION_1 } from "./session.ts";

const RESET = "virtio 1.4, 2.6.1";
const RING_RESET = 1n << 40n;

/** After a ring reset the queue can be set up anew, and works. */
const ringReset = (features: bigint): Probe<PciFront>["run"] => (d) => {
  const packed = (features & PACKED) !== 0n;
  const p = new RngProbe(d, packed ? "packed" : "split", { features: features & RING_RESET });
  p.ring.chain([{ flags: W }], 1);
  const before = p.go();
  d.select(0);
  d.write(C.QUEUE_RESET, 1, 2);
  const after = registers(d);
  p.ring.chain([{ addr: buffer(1), flags: W }], 2);
  const while_ = p.go();
  const ring = new Ring(d, packed, 1, 4);
  d.setQueue({ index: 0, size: 4, desc: ring.desc, driver: ring.driver, device: ring.device });
  return { before, after, "while disabled": while_, again: serve(d, ring, 3) };
};

const probes: readonly Probe<PciFront>[] = [
  {
    name: "reset-split",
    title: "queue_reset, then the queue again",
    spec: RESET,
    run: ringReset(VERSION_1 | RING_RESET),
  },
  {
    name: "reset-packed",
    title: "queue_reset, then the queue again, packed ring",
    spec: RESET,
    run: ringReset(VERSION_1 | RING_RESET | PACKED),
  },
  {
    name: "reset-not-negotiated",
    title: "queue_reset without RING_RESET",
    spec: RESET,
    run: ringReset(VERSION_1),
  },
  {
    name: "reset-values",
    title: "queue_reset of 0, 2 and 0xffff, by every width, and of a queue that does not exist",
    spec: RESET,
    run: (d) =>
      ([[0, 0, 2], [2, 0, 2], [0xffff, 0, 2], [1, 0, 1], [1, 0, 4], [1, 5, 2], [1, 0, 2]] as const).map(
        ([value, queue, width]) => {
          d.negotiate(VERSION_1 | RING_RESET);
          d.setQueue(new Ring(d, false, 0, 8));
          d.select(queue);
          d.write(C.QUEUE_RESET, value, width);
          const regs = selected(d);
          d.select(0);
          return [regs, registers(d), d.status];
        },
      ),
  },
  {
    name: "reset-before-set-up",
    title: "queue_reset of a queue that was not set up",
    spec: RESET,
    run(d) {
      d.negotiate(VERSION_1 | RING_RESET);
      d.select(0);
      d.write(C.QUEUE_SIZE, 4, 2);
      d.write(C.QUEUE_DESC, 0x10_0000);
      d.write(C.QUEUE_RESET, 1, 2);
      return [registers(d), d.status];
    },
  },
  {
    name: "reset-in-flight",
    title: "queue_reset with chains available that nobody was told of",
    spec: RESET,
    run(d) {
      const p = new RngProbe(d, "split", { features: RING_RESET });
      p.ring.chain([{ flags: W }]);
      d.select(0);
      d.write(C.QUEUE_RESET, 1, 2);
      d.run();
      return [p.outcome(), registers(d)];
    },
  },
  {
    name: "status-reset",
    title: "all registers after a reset by status 0, from DRIVER_OK",
    spec: "virtio 1.4, 2.4.1",
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      p.go();
      d.status = 0;
      const after = registers(d);
      d.run();
      return { after, isr: d.takeIsr(), lines: d.world.takeLines() };
    },
  },
  {
    name: "status-reset-unacknowledged",
    title: "a reset with an interrupt that nobody took",
    spec: "virtio 1.4, 2.4.1",
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      d.kick(0);
      d.run();
      const raised = d.world.takeLines();
      d.status = 0;
      d.run();
      return { raised, lowered: d.world.takeLines(), isr: d.takeIsr() };
    },
  },
  {
    name: "status-reset-in-flight",
    title: "a reset with chains available, then a start with the same ring in memory",
    spec: "virtio 1.4, 2.4.1",
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      d.status = 0;
      d.run();
      const quiet = p.outcome();
      d.negotiate(VERSION_1);
      d.setQueue(p.ring);
      d.status = 15;
      d.run();
      return { quiet, "started again": p.outcome() };
    },
  },
  {
    name: "before-driver-ok",
    title: "a notification before DRIVER_OK, then DRIVER_OK",
    spec: "virtio 1.4, 3.1.1",
    run(d) {
      const p = new RngProbe(d, "split", { waits: true });
      p.ring.chain([{ flags: W }]);
      const before = p.go();
      d.status = 15;
      return { before, after: p.go(false) };
    },
  },
  {
    name: "driver-ok-taken-back",
    title: "DRIVER_OK taken back, a notification, DRIVER_OK again",
    spec: "virtio 1.4, 2.1.1",
    run(d) {
      const p = new RngProbe(d, "split");
      d.status = 11;
      p.ring.chain([{ flags: W }]);
      const off = p.go();
      d.status = 15;
      return { off, on: p.go(false) };
    },
  },
  {
    name: "failed-while-running",
    title: "FAILED set while the queue runs",
    spec: "virtio 1.4, 2.1.1",
    run(d) {
      const p = new RngProbe(d, "split");
      d.status = 143;
      p.ring.chain([{ flags: W }]);
      return p.go();
    },
  },
];

/** The life of a queue: DRIVER_OK and before it, reset alone and with the device. */
export const queueLifeChecks: readonly Check[] = checksOf("rng-pci/queues", MACHINES.rng.pci, probes);
