import { MmioReg as R } from "../../../spec/virtio/mmio.ts";
import type { Check, Value } from "../check.ts";
import { buffer, MmioFront, Ring, W } from "../driver/mod.ts";
import { dump } from "../static/dump.ts";
import { machineWords } from "../static/variants.ts";
import { checksOf, MACHINES, PACKED, type Probe, RngProbe, VERSION_1, written } from "./session.ts";

const LAYOUT = "virtio 1.4, 4.2.2", SET_UP = "virtio 1.4, 4.2.3.2";

const registers = (d: MmioFront): Value => dump((at) => d.read(at), 0, 0x110, 4, 4);
/** One chain and its outcome. */
function serve(d: MmioFront, ring: Ring, head = 0): Value {
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

const probes: readonly Probe<MmioFront>[] = [
  {
    name: "every-write",
    title: "each offset written by each width, and all registers after it",
    spec: LAYOUT,
    run(d) {
      const results: Record<string, Value> = {};
      for (const width of [1, 2, 4] as const) {
        for (let at = 0; at < 0x104; at += width === 4 ? 1 : 2) {
          d.rewind();
          d.write(at, 0x0001_0001, width);
          results[`+${at} width ${width}`] = [
            R.DEVICE_FEATURES,
            R.QUEUE_NUM_MAX,
            R.QUEUE_READY,
            R.INTERRUPT_STATUS,
            R.STATUS,
          ]
            .map((r) => d.read(r)).join(" ");
        }
      }
      return results;
    },
  },
  {
    name: "narrow-accesses",
    title: "registers by bytes and words: nothing answers, nothing is taken",
    spec: "virtio 1.4, 4.2.2.2",
    run(d) {
      d.status = 1;
      const reads = [0, 4, 8, 0xc, 0x10, 0x34, 0x44, 0x60, 0x70, 0xfc].map((
        at,
      ) => [d.read(at, 1), d.read(at, 2)]);
      d.write(R.STATUS, 3, 1);
      d.write(R.STATUS, 3, 2);
      return { reads, status: d.status };
    },
  },
  {
    name: "selectors",
    title: "feature selectors beyond 1",
    spec: LAYOUT,
    run(d) {
      const reads = [0, 1, 2, 3, 0x8000_0000, 0xffff_ffff].map((i) => d.offered(i));
      d.status = 3;
      d.accept(0, 0);
      d.accept(1, 1);
      d.accept(2, 0xffff_ffff);
      d.status = 11;
      const ring = new Ring(d, false, 0, 8);
      d.setQueue(ring);
      d.status = 15;
      d.run();
      return { reads, status: d.status, served: serve(d, ring) };
    },
  },
  {
    name: "queue-select",
    title: "queue numbers that name no queue",
    spec: LAYOUT,
    run: (d) =>
      [0, 1, 7, 1023, 1024, 0xffff, 0xffff_ffff, 0].map((n) => {
        d.select(n);
        return [d.read(R.QUEUE_NUM_MAX), d.read(R.QUEUE_READY)];
      }),
  },
  {
    name: "queue-num",
    title: "queue sizes that are taken: shown by a ring of that size",
    spec: SET_UP,
    run: (d) =>
      [1, 2, 3, 8, 100, 1024].map((size) => {
        d.rewind();
        const p = new RngProbe(d, "split", { size });
        p.ring.chain([{ len: 7, flags: W }]);
        return p.go();
      }),
  },
  {
    name: "queue-num-wrong",
    title: "queue sizes of 0 and above the maximum",
    spec: SET_UP,
    run: (d) =>
      [0, 1025, 2048, 0xffff, 0x1_0008].map((size) => {
        d.rewind();
        d.negotiate(VERSION_1);
        const ring = new Ring(d, false, 0, 8);
        d.setQueue({ index: 0, size, desc: ring.desc, driver: ring.driver, device: ring.device });
        d.status = 15;
        d.run();
        return { ready: d.read(R.QUEUE_READY), status: d.status };
      }),
  },
  {
    name: "ready-games",
    title: "QUEUE_READY of 1, 2, 0, and 1 again",
    spec: SET_UP,
    run(d) {
      d.negotiate(VERSION_1);
      const ring = new Ring(d, false, 0, 8);
      d.setQueue(ring, false);
      return [1, 2, 0, 0xffff_ffff, 0, 1].map((value) => {
        d.write(R.QUEUE_READY, value);
        return [d.read(R.QUEUE_READY), d.status];
      });
    },
  },
  {
    name: "ready-off-while-running",
    title: "QUEUE_READY written 0 while the queue runs, and 1 again",
    spec: SET_UP,
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      const before = p.go();
      d.write(R.QUEUE_READY, 0);
      p.ring.chain([{ addr: buffer(1), flags: W }], 1);
      const off = [d.read(R.QUEUE_READY), p.go()];
      d.write(R.QUEUE_READY, 1);
      p.ring.chain([{ addr: buffer(2), flags: W }], 2);
      return { before, off, on: [d.read(R.QUEUE_READY), p.go()] };
    },
  },
  {
    name: "not-ready",
    title: "a queue that was not made ready",
    spec: SET_UP,
    run(d) {
      d.negotiate(VERSION_1);
      const ring = new Ring(d, false, 0, 8);
      d.setQueue(ring, false);
      d.status = 15;
      d.run();
      return serve(d, ring);
    },
  },
  {
    name: "queue-reset",
    title: "QUEUE_RESET, which QEMU 7.2 does not have",
    spec: "virtio 1.4, 2.6.1",
    run(d) {
      const p = new RngProbe(d, "split", { features: 1n << 40n });
      p.ring.chain([{ flags: W }]);
      const before = p.go();
      d.select(0);
      d.write(R.QUEUE_RESET, 1);
      return { before, reset: d.read(R.QUEUE_RESET), ready: d.read(R.QUEUE_READY) };
    },
  },
  {
    name: "queue-reset-not-negotiated",
    title: "QUEUE_RESET without RING_RESET",
    spec: "virtio 1.4, 2.6.1",
    run(d) {
      const p = new RngProbe(d, "split");
      d.select(0);
      d.write(R.QUEUE_RESET, 1);
      p.ring.chain([{ flags: W }]);
      return { reset: d.read(R.QUEUE_RESET), ready: d.read(R.QUEUE_READY), outcome: p.go() };
    },
  },
  {
    name: "interrupt-ack",
    title: "interrupt bits acknowledged in parts",
    spec: "virtio 1.4, 4.2.2.1",
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      d.kick(0);
      d.run();
      const steps: Value[] = [[d.read(R.INTERRUPT_STATUS), d.world.takeLines()]];
      for (const bits of [0, 2, 0xffff_fffe, 1, 1]) {
        d.write(R.INTERRUPT_ACK, bits);
        steps.push([d.read(R.INTERRUPT_STATUS), d.world.takeLines()]);
      }
      return steps;
    },
  },
  {
    name: "interrupt-twice",
    title: "a second interrupt before the first is acknowledged",
    spec: "virtio 1.4, 4.2.2.1",
    run(d) {
      const p = new RngProbe(d, "split");
      const steps: Value[] = [];
      for (let i = 0; i < 2; i++) {
        p.ring.chain([{ flags: W }], i);
        d.kick(0);
        d.run();
        steps.push([d.read(R.INTERRUPT_STATUS), d.world.takeLines()]);
      }
      d.write(R.INTERRUPT_ACK, 1);
      return [...steps, [d.read(R.INTERRUPT_STATUS), d.world.takeLines()]];
    },
  },
  {
    name: "broken-line",
    title: "NEEDS_RESET: the interrupt acknowledged, then a reset",
    spec: "virtio 1.4, 2.1.2",
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.publish(8);
      d.kick(0);
      d.run();
      const steps: Value[] = [[d.status, d.read(R.INTERRUPT_STATUS), d.world.takeLines()]];
      d.write(R.INTERRUPT_ACK, 3);
      steps.push([d.status, d.read(R.INTERRUPT_STATUS), d.world.takeLines()]);
      d.status = 0;
      d.run();
      return [...steps, [d.status, d.read(R.INTERRUPT_STATUS), d.world.takeLines()]];
    },
  },
  {
    name: "shared-memory",
    title: "shared memory registers of a device without any",
    spec: "virtio 1.4, 4.2.2.1",
    run: (d) =>
      [0, 1, 255, 0xffff_ffff].map((region) => {
        d.write(R.SHM_SEL, region);
        return [R.SHM_SEL, R.SHM_LEN_LOW, R.SHM_LEN_HIGH, R.SHM_BASE_LOW, R.SHM_BASE_HIGH].map((at) =>
          d.read(at)
        );
      }),
  },
  {
    name: "write-only",
    title: "registers that are for writing only, read",
    spec: LAYOUT,
    run(d) {
      d.negotiate(VERSION_1);
      d.setQueue(new Ring(d, false, 0, 8));
      return registers(d);
    },
  },
  {
    name: "read-only",
    title: "registers that are for reading only, written",
    spec: LAYOUT,
    run(d) {
      for (const at of [0, 4, 8, 0xc, 0x10, 0x34, 0x60, 0xb0, 0xfc]) d.write(at, 0xffff_ffff);
      return registers(d);
    },
  },
  {
    name: "notify-values",
    title: "QUEUE_NOTIFY of queues that exist and others, and with more bits",
    spec: "virtio 1.4, 4.2.3.3",
    run: (d) =>
      [1, 1023, 1024, 0xffff, 0x1_0000, 0xffff_ffff, 0].map((value) => {
        d.rewind();
        const p = new RngProbe(d, "split");
        p.ring.chain([{ flags: W }]);
        d.write(R.QUEUE_NOTIFY, value);
        return p.go(false);
      }),
  },
  {
    name: "legacy-registers",
    title: "registers of version 1 on a version 2 transport",
    spec: "virtio 1.4, 4.2.4",
    run(d) {
      const legacy = [0x28, 0x3c, 0x40];
      const before = legacy.map((at) => d.read(at));
      for (const at of legacy) d.write(at, 0x1000);
      return { before, after: legacy.map((at) => d.read(at)), status: d.status };
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
    name: "features-late",
    title: "features written after DRIVER_OK, and FEATURES_OK written again",
    spec: "virtio 1.4, 3.1.1",
    run(d) {
      const p = new RngProbe(d, "split");
      d.accept(1, Number((VERSION_1 | PACKED) >> 32n));
      d.status = 15;
      p.ring.chain([{ flags: W }]);
      return p.go();
    },
  },
  {
    name: "reset-in-flight",
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
];

/** What of version 1 can be seen: it is read, queues are selected, the status is written. */
const legacy: Check = {
  id: "rng-mmio/legacy/registers",
  title: "a version 1 transport: reset, selection, status",
  spec: "virtio 1.4, 4.2.4",
  kind: "probe",
  machine: machineWords("microvm", "-device virtio-rng-device,rng=r0"),
  run(world) {
    const d = MmioFront.find(world);
    const before = registers(d);
    const selected = [0, 1, 5, 1023, 1024].map((n) => {
      d.select(n);
      return [R.QUEUE_NUM_MAX, 0x40].map((at) => d.read(at));
    });
    const words = [0, 1, 2].map((i) => d.offered(i));
    const statuses = [1, 3, 0].map((s) => {
      d.status = s;
      return d.status;
    });
    return { before, selected, words, statuses, after: registers(d) };
  },
};

/** The MMIO transport. */
export const mmioChecks: readonly Check[] = [
  ...checksOf("rng-mmio/registers", MACHINES.rng.mmio, probes),
  legacy,
];
