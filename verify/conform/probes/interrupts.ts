import { PciCfg } from "../../../spec/pci.ts";
import { CommonCfg as C } from "../../../spec/virtio/pci.ts";
import type { Check, Value } from "../check.ts";
import { PciFront, Ring, W } from "../driver/mod.ts";
import { machineWords } from "../static/variants.ts";
import { checksOf, MACHINES, type Probe, RngProbe, VERSION_1 } from "./session.ts";

const ISR = "virtio 1.4, 4.1.4.5", COMMAND = "PCI 3.0, 6.2.2";
const INTX_DISABLE = 0x400;

/** An interrupt that nobody has taken yet. */
function raised(d: PciFront): RngProbe {
  const p = new RngProbe(d, "split");
  p.ring.chain([{ flags: W }]);
  d.kick(0);
  d.run();
  return p;
}
/** STATUS and COMMAND, and what lines did. */
const seen = (d: PciFront): Value => ({
  command: d.cfg.read(PciCfg.COMMAND, 2),
  status: d.cfg.read(PciCfg.STATUS, 2),
  lines: d.world.takeLines(),
});

const probes: readonly Probe<PciFront>[] = [
  {
    name: "isr-read-clears",
    title: "ISR is cleared by reading, the line falls",
    spec: ISR,
    run(d) {
      raised(d);
      const before = seen(d);
      return { before, isr: [d.takeIsr(), d.takeIsr()], after: seen(d) };
    },
  },
  ...([[0, 2], [0, 4], [1, 1], [2, 2], [4, 4], [3, 4]] as const).map(([at, width]): Probe<PciFront> => ({
    name: `isr-read-${at}-${width}`,
    title: `a read of ISR at +${at}, width ${width}`,
    spec: ISR,
    run(d) {
      raised(d);
      d.world.takeLines();
      const value = d.load(d.isr + at, width);
      return { value, after: seen(d), isr: d.takeIsr() };
    },
  })),
  {
    name: "isr-write",
    title: "a write to ISR does nothing",
    spec: ISR,
    run(d) {
      raised(d);
      d.world.takeLines();
      d.store(d.isr, 1, 0);
      d.store(d.isr, 4, 0xffff_ffff);
      return { after: seen(d), isr: d.takeIsr() };
    },
  },
  {
    name: "isr-two-interrupts",
    title: "a second interrupt before the first is taken",
    spec: ISR,
    run(d) {
      const p = raised(d);
      const first = seen(d);
      p.ring.chain([{ flags: W }], 1);
      d.kick(0);
      d.run();
      return { first, second: seen(d), isr: [d.takeIsr(), d.takeIsr()], after: seen(d) };
    },
  },
  {
    name: "isr-through-legacy",
    title: "ISR read through the legacy ports",
    spec: "virtio 1.4, 4.1.4.10",
    run(d) {
      raised(d);
      d.world.takeLines();
      const isr = d.world.platform.portRead(d.bases.legacy + 19, 1);
      return { isr, after: seen(d), modern: d.takeIsr() };
    },
  },
  {
    name: "intx-disable",
    title: "INTX_DISABLE set and cleared while the interrupt stands",
    spec: COMMAND,
    run(d) {
      raised(d);
      const steps: Value[] = [seen(d)];
      for (const command of [7 | INTX_DISABLE, 7, 7 | INTX_DISABLE]) {
        d.cfg.write(PciCfg.COMMAND, command, 2);
        steps.push(seen(d));
      }
      const isr = d.takeIsr();
      steps.push(seen(d));
      d.cfg.write(PciCfg.COMMAND, 7, 2);
      return { steps, isr, after: seen(d) };
    },
  },
  {
    name: "intx-disable-by-byte",
    title: "INTX_DISABLE written by the upper byte of COMMAND alone",
    spec: COMMAND,
    run(d) {
      raised(d);
      const before = seen(d);
      d.cfg.write(PciCfg.COMMAND + 1, INTX_DISABLE >> 8, 1);
      return { before, disabled: seen(d) };
    },
  },
  {
    name: "intx-disabled-first",
    title: "an interrupt while INTX_DISABLE is set",
    spec: COMMAND,
    run(d) {
      d.cfg.write(PciCfg.COMMAND, 7 | INTX_DISABLE, 2);
      raised(d);
      const before = seen(d);
      d.cfg.write(PciCfg.COMMAND, 7, 2);
      return { before, after: seen(d), isr: d.takeIsr() };
    },
  },
  {
    name: "msix-enable-drops-line",
    title: "MSI-X enabled while the line stands, disabled again",
    spec: "PCI 3.0, 6.8.3.3",
    run(d) {
      raised(d);
      const steps: Value[] = [seen(d)];
      for (const control of [0x8000, 0, 0x4000, 0]) {
        d.msixControl = control;
        steps.push(seen(d));
      }
      return { steps, isr: d.takeIsr(), after: seen(d) };
    },
  },
  {
    name: "bus-master-off",
    title: "bus mastering off: DRIVER_OK goes; on again: it does not come back",
    spec: COMMAND,
    run(d) {
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      const before = p.go();
      d.cfg.write(PciCfg.COMMAND, 3, 2);
      const off = d.status;
      p.ring.chain([{ flags: W }], 1);
      const quiet = p.go();
      d.cfg.write(PciCfg.COMMAND, 7, 2);
      const on = d.status;
      const still = p.go();
      d.status = 15;
      return { before, off, quiet, on, still, "DRIVER_OK again": p.go(false) };
    },
  },
  {
    name: "bus-master-never-on",
    title: "a driver that forgets bus mastering",
    spec: COMMAND,
    run(d) {
      d.cfg.write(PciCfg.COMMAND, 3, 2);
      const p = new RngProbe(d, "split");
      p.ring.chain([{ flags: W }]);
      const off = p.go();
      d.cfg.write(PciCfg.COMMAND, 7, 2);
      return { off, status: d.status, on: p.go() };
    },
  },
  {
    name: "bus-master-off-queue",
    title: "bus mastering off before a queue is enabled",
    spec: COMMAND,
    run(d) {
      d.negotiate(VERSION_1);
      d.cfg.write(PciCfg.COMMAND, 3, 2);
      const ring = new Ring(d, false, 0, 8);
      d.setQueue(ring);
      const enabled = [d.read(C.QUEUE_ENABLE, 2), d.status];
      d.cfg.write(PciCfg.COMMAND, 7, 2);
      d.status = 15;
      ring.chain([{ flags: W }]);
      d.kick(0);
      d.run();
      return { enabled, used: ring.takeUsed().map((u) => ({ ...u })), status: d.status };
    },
  },
  {
    name: "bus-master-off-interrupt",
    title: "bus mastering off while the line stands",
    spec: COMMAND,
    run(d) {
      raised(d);
      const before = seen(d);
      d.cfg.write(PciCfg.COMMAND, 3, 2);
      const off = seen(d);
      return { before, off, isr: d.takeIsr(), after: seen(d) };
    },
  },
  {
    name: "decoding-off",
    title: "memory and port decoding off: registers are gone, the device goes on",
    spec: COMMAND,
    run(d) {
      const p = new RngProbe(d, "split");
      const at = (command: number) => {
        d.cfg.write(PciCfg.COMMAND, command, 2);
        return [d.read(C.NUM_QUEUES, 2), d.world.platform.portRead(d.bases.legacy + 12, 2), d.status];
      };
      const results = [4, 5, 6, 7].map(at);
      p.ring.chain([{ flags: W }]);
      return { results, outcome: p.go() };
    },
  },
  {
    name: "bars-move",
    title: "BARs written to other places, also while decoding is on",
    spec: "PCI 3.0, 6.2.5.1",
    run(d) {
      const answers: Record<string, Value> = {};
      const places = [
        0xe100_0000,
        0xe100_4000,
        0,
        0xffff_c000,
        0xffff_f000,
        0x0080_0000,
        0x0200_0000,
        0xfec0_0000,
        0xe000_0000,
      ];
      for (const place of places) {
        d.cfg.write(PciCfg.BAR0 + 16, place);
        answers[place.toString(16)] = [
          d.cfg.read(PciCfg.BAR0 + 16),
          d.load(place + C.NUM_QUEUES, 2),
          d.load(d.common + C.NUM_QUEUES, 2),
        ];
      }
      d.cfg.write(PciCfg.BAR0 + 20, 0x80);
      answers["above 4 GiB"] = [
        d.cfg.read(PciCfg.BAR0 + 20),
        d.load(0x80_e000_0000 + C.NUM_QUEUES, 2),
        d.load(d.common + C.NUM_QUEUES, 2),
      ];
      d.cfg.write(PciCfg.BAR0 + 20, 0);
      const ports = [0xc100, 0xc120, 0xffe0, 0xfff0, 0x1_c000, 0xc000];
      for (const port of ports) {
        d.cfg.write(PciCfg.BAR0, port);
        answers[`port ${port.toString(16)}`] = [
          d.cfg.read(PciCfg.BAR0),
          d.world.platform.portRead(port & 0xffe0, 4),
          d.world.platform.portRead(0xc000, 4),
        ];
      }
      return answers;
    },
  },
  {
    name: "status-clear",
    title: "STATUS bits written, the line standing",
    spec: "PCI 3.0, 6.2.3",
    run(d) {
      raised(d);
      d.cfg.write(PciCfg.STATUS, 0xffff, 2);
      const first = seen(d);
      d.cfg.write(PciCfg.COMMAND, 0xffff_ffff);
      const second = seen(d);
      d.cfg.write(PciCfg.COMMAND, 7, 2);
      return { first, second, isr: d.takeIsr(), after: seen(d) };
    },
  },
];

/** Two devices on one line. */
const shared: Check = {
  id: "rng-pci/interrupts/shared-line",
  title: "two devices on one line: it falls when both are served",
  spec: "PCI 3.0, 2.2.6",
  kind: "probe",
  machine: machineWords("q35", "-device virtio-rng-pci,rng=r0,addr=4 -device virtio-rng-pci,rng=r0,addr=8"),
  run(world) {
    const a = PciFront.find(world, 0).rewind(), b = PciFront.find(world, 1);
    b.placeBars();
    const first = raised(a);
    // The second device's ring is another one.
    b.negotiate(VERSION_1);
    const ring = new Ring(b, false, 1, 8);
    b.setQueue({ index: 0, size: 8, desc: ring.desc, driver: ring.driver, device: ring.device });
    b.status = 15;
    ring.chain([{ flags: W }]);
    b.kick(0);
    b.run();
    const both = world.takeLines();
    const isr = [a.takeIsr()];
    const one = world.takeLines();
    isr.push(b.takeIsr());
    return { both, one, none: world.takeLines(), isr, used: first.ring.takeUsed().length };
  },
};

/** ISR, the interrupt line, COMMAND, BARs. */
export const interruptChecks: readonly Check[] = [
  ...checksOf("rng-pci/interrupts", MACHINES.rng.pci, probes),
  shared,
];
