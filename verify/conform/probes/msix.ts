import { PciCfg } from "../../../spec/pci.ts";
import { CommonCfg as C } from "../../../spec/virtio/pci.ts";
import type { Check, Value } from "../check.ts";
import { Area, type PciFront, W } from "../driver/mod.ts";
import { checksOf, MACHINES, type Probe, RngProbe } from "./session.ts";

const MSIX = "PCI 3.0, 6.8.2", VECTORS = "virtio 1.4, 4.1.5.1.2";
const ENABLE = 0x8000, MASK = 0x4000;
const NONE = 0xffff;

/** An entropy device with MSI-X on, queue 0 at vector 1, the configuration at vector 0. */
function start(
  d: PciFront,
  options: { masked?: boolean; queue?: number; config?: number; control?: number } = {},
): RngProbe {
  d.msixControl = options.control ?? ENABLE;
  d.setVector(0, options.masked);
  d.setVector(1, options.masked);
  const p = new RngProbe(d, "split", { waits: true });
  d.assign("config", options.config ?? 0);
  d.assign(0, options.queue ?? 1);
  d.status = 15;
  d.run();
  return p;
}
/** Makes the device use a chain. */
function use(p: RngProbe, head = 0): void {
  p.ring.chain([{ flags: W }], head);
  p.front.kick(0);
  p.front.run();
}
/** Messages, pending bits, ISR, lines. */
function seen(d: PciFront): Value {
  d.run();
  return {
    messages: d.takeMessages(2),
    pending: d.pending,
    lines: d.world.takeLines(),
    isr: d.takeIsr(),
    status: d.status,
  };
}
/** The driver breaks the ring: a configuration interrupt. */
function breakRing(p: RngProbe): void {
  p.ring.publish(p.ring.size);
  p.front.kick(0);
  p.front.run();
}

const probes: readonly Probe<PciFront>[] = [
  {
    name: "message",
    title: "a used buffer sends its vector's message",
    spec: MSIX,
    run(d) {
      const p = start(d);
      use(p);
      return [seen(d), seen(d)];
    },
  },
  {
    name: "config-message",
    title: "NEEDS_RESET sends the configuration's message",
    spec: VECTORS,
    run(d) {
      const p = start(d);
      breakRing(p);
      return seen(d);
    },
  },
  {
    name: "same-vector",
    title: "queue and configuration on one vector",
    spec: VECTORS,
    run(d) {
      const p = start(d, { queue: 0 });
      use(p);
      const first = seen(d);
      breakRing(p);
      return [first, seen(d)];
    },
  },
  {
    name: "no-vector",
    title: "no vector for the queue: used all the same, no message, no line",
    spec: VECTORS,
    run(d) {
      const p = start(d, { queue: NONE });
      use(p);
      const used = p.ring.takeUsed().length;
      return [used, seen(d)];
    },
  },
  {
    name: "no-config-vector",
    title: "no vector for the configuration",
    spec: VECTORS,
    run(d) {
      const p = start(d, { config: NONE });
      breakRing(p);
      return seen(d);
    },
  },
  {
    name: "masked",
    title: "a masked vector: pending, and sent when it is unmasked",
    spec: MSIX,
    run(d) {
      const p = start(d, { masked: true });
      use(p);
      const masked = seen(d);
      d.maskVector(1, false);
      return [masked, seen(d), seen(d)];
    },
  },
  {
    name: "masked-twice",
    title: "two interrupts on a masked vector: one message",
    spec: MSIX,
    run(d) {
      const p = start(d, { masked: true });
      use(p);
      use(p, 1);
      const masked = seen(d);
      d.maskVector(1, false);
      const unmasked = seen(d);
      use(p, 2);
      return [masked, unmasked, seen(d)];
    },
  },
  {
    name: "function-mask",
    title: "the function mask, set before, cleared after",
    spec: MSIX,
    run(d) {
      const p = start(d, { control: ENABLE | MASK });
      use(p);
      const masked = seen(d);
      d.msixControl = ENABLE;
      return [masked, seen(d)];
    },
  },
  {
    name: "both-masks",
    title: "function mask and vector mask, taken away one by one",
    spec: MSIX,
    run(d) {
      const p = start(d, { control: ENABLE | MASK, masked: true });
      use(p);
      const both = seen(d);
      d.msixControl = ENABLE;
      const one = seen(d);
      d.maskVector(1, false);
      return [both, one, seen(d)];
    },
  },
  {
    name: "disabled-with-pending",
    title: "MSI-X switched off and on with a pending vector",
    spec: MSIX,
    run(d) {
      const p = start(d, { masked: true });
      use(p);
      const steps: Value[] = [seen(d)];
      d.msixControl = 0;
      steps.push(seen(d));
      d.maskVector(1, false);
      steps.push(seen(d));
      d.msixControl = ENABLE;
      steps.push(seen(d));
      return steps;
    },
  },
  {
    name: "disabled-while-running",
    title: "MSI-X off: the next interrupt is the line's",
    spec: MSIX,
    run(d) {
      const p = start(d);
      use(p);
      const first = seen(d);
      d.msixControl = 0;
      use(p, 1);
      const off = seen(d);
      d.msixControl = ENABLE;
      use(p, 2);
      return [first, off, seen(d)];
    },
  },
  {
    name: "off-with-vectors",
    title: "vectors assigned while MSI-X is off",
    spec: VECTORS,
    run(d) {
      const p = start(d, { control: 0 });
      use(p);
      const off = seen(d);
      d.msixControl = ENABLE;
      use(p, 1);
      return [off, seen(d)];
    },
  },
  {
    name: "vector-changes-while-pending",
    title: "the queue gets another vector while the first is pending",
    spec: VECTORS,
    run(d) {
      const p = start(d, { masked: true, config: NONE });
      use(p);
      const before = d.pending;
      d.assign(0, 0);
      const after = d.pending;
      d.maskVector(0, false);
      d.maskVector(1, false);
      const unmasked = seen(d);
      use(p, 1);
      return [before, after, unmasked, seen(d)];
    },
  },
  {
    name: "vector-released-while-pending",
    title: "the queue gives its pending vector up, the configuration still has it",
    spec: VECTORS,
    run(d) {
      const p = start(d, { masked: true, queue: 0 });
      use(p);
      const before = d.pending;
      d.assign(0, NONE);
      const after = d.pending;
      d.assign("config", NONE);
      return [before, after, d.pending, seen(d)];
    },
  },
  {
    name: "reset-while-pending",
    title: "a device reset with a pending vector",
    spec: VECTORS,
    run(d) {
      const p = start(d, { masked: true });
      use(p);
      const before = d.pending;
      d.status = 0;
      const after = d.pending;
      d.maskVector(1, false);
      return [before, after, d.msixControl, seen(d), d.read(C.CONFIG_MSIX_VECTOR, 2)];
    },
  },
  {
    name: "not-in-use",
    title: "a vector assigned after DRIVER_OK",
    spec: VECTORS,
    run(d) {
      const p = start(d, { queue: NONE });
      use(p);
      const without = seen(d);
      const answer = d.assign(0, 1);
      use(p, 1);
      return [without, answer, seen(d)];
    },
  },
  {
    name: "messages-elsewhere",
    title: "messages to addresses that are unaligned, outside RAM, above 4 GiB",
    spec: MSIX,
    run(d) {
      const p = start(d);
      const steps: Value[] = [];
      const spots = [
        Area.MESSAGES + 0x41,
        Area.MESSAGES + 0x82,
        Area.MESSAGES + 0xc3,
        0x5000_0000,
        0x1_0000_0000 + Area.MESSAGES,
      ];
      for (const [i, address] of spots.entries()) {
        d.setVector(1, false, address);
        use(p, i);
        const found = d.bytes(Area.MESSAGES, 0x100);
        steps.push([...found].flatMap((byte, at) => byte === 0 ? [] : [[at, byte]]));
        found.fill(0);
      }
      return { steps, end: seen(d) };
    },
  },
  {
    name: "bus-master-off",
    title: "a message while bus mastering is off",
    spec: "PCI 3.0, 6.2.2",
    run(d) {
      const p = start(d, { masked: true });
      use(p);
      d.cfg.write(PciCfg.COMMAND, 3, 2);
      d.maskVector(1, false);
      const off = seen(d);
      d.cfg.write(PciCfg.COMMAND, 7, 2);
      return [off, seen(d)];
    },
  },
  {
    name: "isr-with-msix",
    title: "ISR is set with MSI-X, too, and no line rises",
    spec: "virtio 1.4, 4.1.4.5",
    run(d) {
      const p = start(d);
      use(p);
      const lines = d.world.takeLines();
      const pin = d.cfg.read(PciCfg.STATUS, 2);
      return [lines, pin, d.load(d.isr, 1), d.load(d.isr, 1), d.takeMessages(2)];
    },
  },
];

/** Message-signalled interrupts: messages go to memory, where they can be looked at. */
export const msixChecks: readonly Check[] = checksOf("rng-pci/msix", MACHINES.rng.pci, probes);
