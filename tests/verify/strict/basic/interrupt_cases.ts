import { IsrBits } from "../../../../spec/virtio/status.ts";
import { PciCfg, PciCommand } from "../../../../spec/pci.ts";
import { MmioReg as R } from "../../../../spec/virtio/mmio.ts";
import { BOTH_REASONS, QUEUES_LOOKED_AT } from "../../../../verify/strict/rules/basic/config_change.ts";
import {
  MMIO_LINE_ACKNOWLEDGED,
  PCI_LINE_ACKNOWLEDGED,
  PCI_LINE_LEVEL,
  PCI_LINE_LOW,
} from "../../../../verify/strict/rules/basic/lines.ts";
import { INTERRUPT_ASKED, INTERRUPT_PATH } from "../../../../verify/strict/rules/basic/lost_interrupt.ts";
import type { RngStudent } from "../../../drivers-gone-wrong/student/mod.ts";
import { drive } from "../../../drivers-gone-wrong/world.ts";
import { type Bench, type Case, MMIO } from "./_bench.ts";

const LINE = [{ machine: "q35", interrupts: "line" }] as const;
const MSIX = [{ machine: "q35", interrupts: "msix" }] as const;

/** The interrupt status reads so. */
const isrSays = (b: Bench, value: number) =>
  b.isPci ? b.saysAt(b.pci.isr, 1, value) : b.says(R.INTERRUPT_STATUS, 4, value);
const idle = (b: Bench) => b.strict.emit({ ev: "idle" });
/** Runs the driver; what it gives up with is not asked for. */
const run = (b: Bench) => void drive(b.world);

/** Interrupts: how lines are set up, acknowledged, and whether they can come at all. */
export const INTERRUPT_CASES: readonly Case[] = [
  {
    rule: BOTH_REASONS,
    what: "the second reason is forgotten by a driver that cares for changes",
    on: [...LINE, ...MMIO],
    steps: (b) => {
      b.upTo("live");
      isrSays(b, IsrBits.CONFIG);
      b.transport.status();
      idle(b);
      isrSays(b, IsrBits.CONFIG | IsrBits.QUEUE);
      b.student.rings[0].hasUsed();
      idle(b);
    },
    found:
      "the interrupt status was 0x3, and before the CPU waited again neither status nor configuration was read",
    expected: "both looked at: used buffers and the configuration",
  },
  {
    rule: BOTH_REASONS,
    what: "only the configuration is looked at",
    on: [...LINE, ...MMIO],
    steps: (b) => {
      b.upTo("live");
      isrSays(b, IsrBits.CONFIG | IsrBits.QUEUE);
      b.transport.status();
      idle(b);
    },
    found: "the interrupt status was 0x3, and before the CPU waited again no used ring was looked at",
  },
  {
    rule: PCI_LINE_LEVEL,
    what: "INTx as an edge",
    on: LINE,
    steps: (b) => {
      const { interrupts } = b.student.ground;
      const install = interrupts.installLine.bind(interrupts);
      interrupts.installLine = (line, _mode, name, handler) =>
        install(line, { trigger: "edge", polarity: "high" }, name, handler);
      run(b);
    },
    found: "line 21 was asserted, which is set up as edge triggered, active high",
    expected: "level triggered, active low",
  },
  {
    rule: PCI_LINE_LOW,
    what: "INTx active high",
    on: LINE,
    steps: (b) => {
      const { interrupts } = b.student.ground;
      const install = interrupts.installLine.bind(interrupts);
      interrupts.installLine = (line, _mode, name, handler) =>
        install(line, { trigger: "level", polarity: "high" }, name, handler);
      run(b);
    },
    found: "line 21 was asserted, which is set up as level triggered, active high",
    expected: "active low",
  },
  {
    rule: QUEUES_LOOKED_AT,
    what: "the interrupt status is read twice, and the first value lost",
    on: [...LINE, ...MMIO],
    steps: (b) => {
      b.upTo("live");
      isrSays(b, IsrBits.QUEUE);
      isrSays(b, 0);
      idle(b);
    },
    found: "the interrupt status was 0x1, and no used ring was looked at before the CPU waited again",
    expected: "the used rings of the device's queues looked at",
  },
  {
    rule: INTERRUPT_PATH,
    what: "a handler on another line, and a timer that wakes the CPU",
    on: LINE,
    steps: (b) => {
      b.student.openInterrupts = () => {
        const { interrupts } = b.pci;
        interrupts.line = ((original) => () => original() + 1)(interrupts.line.bind(interrupts));
        b.transport.openInterrupts(1, () => {});
      };
      b.upTo("live");
      (b.student as RngStudent).rings[0].submit((b.student as RngStudent).makePieces([8]));
      const { platform } = b.world;
      while (platform.now() < 1e6) platform.relax();
      idle(b);
    },
    found: "the CPU waits for an interrupt of queue 0 that cannot come: line 21 is asserted, " +
      "and nobody has opened it in the IOAPIC",
  },
  {
    rule: INTERRUPT_ASKED,
    what: "INTx is disabled, interrupts are asked for, and timers wake the CPU",
    on: LINE,
    steps: (b) => {
      b.student.openInterrupts = () => {};
      b.upTo("live");
      (b.student as RngStudent).rings[0].submit((b.student as RngStudent).makePieces([8]));
      const { platform } = b.world;
      while (platform.now() < 1e6) platform.relax();
      for (let i = 0; i < 4; i++) idle(b);
    },
    found: "the CPU has waited 3 times while queue 0 asks for an interrupt that cannot come: MSI-X is off, " +
      "and INTx is disabled in COMMAND",
    expected: "a way from the queue to the CPU, or no interrupt asked for",
  },
  {
    rule: PCI_LINE_ACKNOWLEDGED,
    what: "a handler that does not read the ISR status",
    on: LINE,
    steps: (b) => {
      b.transport.acknowledge = () => IsrBits.QUEUE;
      run(b);
    },
    found: "line 21 stays asserted: 10 interrupts were taken, and the ISR status was not read",
  },
  {
    rule: MMIO_LINE_ACKNOWLEDGED,
    what: "a handler that does not write InterruptACK",
    on: MMIO,
    steps: (b) => {
      b.transport.acknowledge = () => b.mmio.read(R.INTERRUPT_STATUS);
      run(b);
    },
    found: "line 12 stays asserted: 10 interrupts were taken, and InterruptACK was not written",
  },
  {
    rule: INTERRUPT_PATH,
    what: "a queue without a vector, and MSI-X on",
    on: MSIX,
    steps: (b) => {
      b.transport.assignVector = () => {};
      run(b);
    },
    found:
      "the CPU waits for an interrupt of queue 0 that cannot come: MSI-X is on, and the queue has no vector",
    expected: "a way from the queue to the CPU",
  },
  {
    rule: INTERRUPT_PATH,
    what: "INTx disabled in COMMAND",
    on: LINE,
    steps: (b) => {
      const set = b.student.setUpQueues.bind(b.student);
      b.student.setUpQueues = () => {
        const { fn } = b.pci;
        fn.write(PciCfg.COMMAND, 2, fn.read(PciCfg.COMMAND, 2) | PciCommand.INTX_DISABLE);
        set();
      };
      run(b);
    },
    found:
      "the CPU waits for an interrupt of queue 0 that cannot come: MSI-X is off, and INTx is disabled in COMMAND",
  },
  {
    rule: INTERRUPT_PATH,
    what: "a handler on the line of another window",
    on: MMIO,
    steps: (b) => {
      const line = b.mmio.line();
      b.mmio.line = () => line - 1;
      (b.student as RngStudent).requests = [[8]];
      run(b);
    },
    found: "the CPU waits for an interrupt of queue 0 that cannot come: line 12 is asserted, " +
      "and nobody has opened it in the IOAPIC",
  },
];
