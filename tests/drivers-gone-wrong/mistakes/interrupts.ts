import type { Machine } from "../../../devices/machine/mod.ts";
import { Msix, PciCfg, PciCommand } from "../../../spec/pci.ts";
import { IsrBits } from "../../../spec/virtio/status.ts";
import { MmioReg as R } from "../../../spec/virtio/mmio.ts";
import { after, before, forgotten, type Mistake, MMIO, PCI } from "../mistake.ts";

/** Interrupts: lines, messages, acknowledgement, and asking for them. */
export const INTERRUPTS: readonly Mistake[] = [
  {
    id: "interrupt-isr-never-read",
    what: "the handler does not read the ISR, so the line stays up",
    on: { machines: PCI, interrupts: ["line"] },
    plant: ({ pci }) => pci.acknowledge = () => 1,
    expect: { rule: "pci-interrupt-acknowledged" },
  },
  {
    id: "interrupt-ack-forgotten",
    what: "the handler reads InterruptStatus and does not write InterruptACK",
    on: { machines: MMIO },
    plant: ({ mmio }) => mmio.acknowledge = () => mmio.read(R.INTERRUPT_STATUS),
    expect: { rule: "mmio-interrupt-acknowledged", found: /InterruptACK was not written/ },
  },
  {
    id: "interrupt-ack-everything",
    what: "all ones are written to InterruptACK",
    on: { machines: MMIO },
    plant: ({ mmio }) =>
      mmio.acknowledge = () => {
        const isr = mmio.read(R.INTERRUPT_STATUS);
        mmio.write(R.INTERRUPT_ACK, 0xffff_ffff);
        return isr;
      },
    expect: { rule: "mmio-ack-defined", found: /0xffffffff/ },
    also: ["mmio-ack-seen"],
  },
  {
    id: "interrupt-status-not-read",
    what: "the handler acknowledges without reading InterruptStatus",
    on: { machines: MMIO },
    plant: ({ mmio }) =>
      mmio.acknowledge = () => {
        mmio.write(R.INTERRUPT_ACK, 1);
        return 1;
      },
    expect: { rule: "mmio-ack-seen", found: /0x1 was not read as set/ },
  },
  {
    id: "interrupt-isr-read-with-msix",
    what: "the handler of a message reads the ISR",
    on: { machines: PCI },
    plant: ({ student }) => before(student, "onInterrupt", () => student.transport.acknowledge()),
    expect: { rule: "msix-isr-read" },
  },
  {
    id: "interrupt-vector-outside-table",
    what: "a queue gets a vector that the table does not have",
    on: { machines: PCI },
    plant: ({ pciInterrupts }) => pciInterrupts((i) => i.entryOf = () => i.size),
    expect: { rule: "msix-vector-range", found: /written with 2 for queue 0/ },
  },
  {
    id: "interrupt-vector-not-read-back",
    what: "whether the device took the vector is not looked at",
    on: { machines: PCI },
    plant: ({ pciInterrupts }) => pciInterrupts((i) => i.check = forgotten),
    expect: { rule: "msix-read-back", found: /vector 1 .*not read back/ },
  },
  {
    id: "interrupt-entry-masked",
    what: "the entries of the MSI-X table stay masked",
    on: { machines: PCI },
    plant: ({ pciInterrupts }) => pciInterrupts((i) => i.unmask = forgotten),
    expect: { rule: "msix-unmasked" },
    also: ["interrupt-path-open"],
  },
  {
    id: "interrupt-function-masked",
    what: "the function mask of MSI-X is never taken away",
    on: { machines: PCI },
    plant: ({ pciInterrupts }) =>
      pciInterrupts((i) => {
        const control = i.control.bind(i);
        i.control = (bits) => control(bits | 0x4000);
      }),
    expect: { rule: "msix-unmasked" },
    also: ["interrupt-path-open"],
  },
  {
    id: "interrupt-entry-not-filled",
    what: "the queue's vector is an entry of the table that was never filled",
    on: { machines: PCI, devices: ["console"], props: "vectors=4" },
    plant: ({ pciInterrupts }) => pciInterrupts((i) => i.entryOf = () => 3),
    expect: { rule: "msix-entry-filled", found: /vector 3, and the address/ },
    also: ["interrupt-path-open", "msix-unmasked"],
  },
  {
    id: "interrupt-msix-not-enabled",
    what: "the table is filled and MSI-X is not enabled",
    on: { machines: PCI },
    plant: ({ pciInterrupts }) =>
      pciInterrupts((i) => {
        i.control = forgotten;
        i.check = forgotten;
      }),
    expect: { rule: "msix-entry-filled", found: /MSI-X is not enabled/ },
    also: ["interrupt-path-open", "msix-read-back"],
  },
  {
    id: "interrupt-no-vector",
    what: "the driver waits for messages, and the queue was given none",
    on: { machines: PCI },
    plant: ({ pciInterrupts }) => pciInterrupts((i) => i.assign = forgotten),
    expect: { rule: "interrupt-path-open", found: /the queue has no vector/ },
  },
  {
    id: "interrupt-pci-line-as-edge",
    what: "the PCI line is set up as edge triggered, active high, as an ISA line",
    on: { machines: PCI, interrupts: ["line"] },
    plant: ({ student }) => {
      const { interrupts } = student.ground;
      const install = interrupts.installLine.bind(interrupts);
      interrupts.installLine = (line, _mode, name, run) =>
        install(line, { trigger: "edge", polarity: "high" }, name, run);
    },
    expect: { rule: "pci-line-level", found: /edge triggered, active high/ },
  },
  {
    id: "interrupt-other-line",
    what: "the handler is on the line next to the device's",
    on: { machines: PCI, interrupts: ["line"] },
    plant: ({ pciInterrupts }) =>
      pciInterrupts((i) => {
        const line = i.line.bind(i);
        i.line = () => line() - 1;
      }),
    expect: { rule: "interrupt-path-open", found: /line 21 is asserted, and nobody has opened it/ },
  },
  {
    id: "interrupt-mmio-other-line",
    what: "the handler is on the line of the window before",
    on: { machines: MMIO },
    plant: ({ mmio }) => {
      const line = mmio.line.bind(mmio);
      mmio.line = () => line() - 1;
    },
    expect: { rule: "interrupt-path-open", found: /line 12 is asserted, and nobody has opened it/ },
  },
  {
    id: "interrupt-intx-disabled",
    what: "the driver waits for the line while INTx is disabled in COMMAND",
    on: { machines: PCI, interrupts: ["line"] },
    plant: ({ student, pci }) =>
      before(student, "setUpQueues", () => {
        pci.fn.write(PciCfg.COMMAND, 2, PciCommand.MEMORY | PciCommand.BUS_MASTER | PciCommand.INTX_DISABLE);
      }),
    expect: { rule: "interrupt-path-open", found: /INTx is disabled in COMMAND/ },
  },
  {
    id: "interrupt-intx-disabled-with-timer",
    what:
      "the driver waits for the line while INTx is disabled in COMMAND; a timer wakes the CPU now and then",
    on: { machines: PCI, interrupts: ["line"] },
    plant: ({ student, pci }) => {
      before(student, "setUpQueues", () => {
        pci.fn.write(PciCfg.COMMAND, 2, PciCommand.MEMORY | PciCommand.BUS_MASTER | PciCommand.INTX_DISABLE);
      });
      const { platform, interrupts } = student.ground;
      student.waitFor = (_done, otherwise) => {
        for (let tries = 0; student.interruptsSeen === 0; tries++) {
          if (tries > 20) throw new Error(otherwise);
          void platform.idle(platform.now() + 100_000);
          interrupts.poll();
        }
      };
    },
    expect: { rule: "interrupt-asked-in-vain", found: /INTx is disabled in COMMAND/ },
  },
  {
    id: "interrupt-suppressed-and-waited-for",
    what: "the driver asks for no interrupts, and waits for one",
    on: {},
    plant: ({ ring }) =>
      ring((r) => {
        const set = r.setInterrupts.bind(r);
        r.setInterrupts = () => set(false);
      }),
    expect: { rule: "stuck-machine", found: /1 used buffer that the driver has not looked at/ },
  },
  {
    id: "interrupt-status-read-twice",
    what: "the handler reads the interrupt status twice, and believes the second value",
    on: { interrupts: ["line"] },
    plant: ({ student }) => {
      const { transport } = student;
      const acknowledge = transport.acknowledge.bind(transport);
      transport.acknowledge = () => {
        acknowledge();
        return acknowledge();
      };
      // Whoever waits for the handler looks at the ring only when it has run.
      student.waitFor = (done, otherwise) => {
        for (let tries = 0; student.interruptsSeen === 0; tries++) {
          if (tries > 100) throw new Error(otherwise);
          student.pause();
        }
        if (!done()) throw new Error(otherwise);
      };
    },
    expect: { rule: "interrupt-queues-looked-at", found: /status was 0x1, and no used ring was looked at/ },
    also: ["interrupt-path-open"],
  },
  {
    id: "interrupt-message-data-of-entry",
    what: "the data of a message is the number of its entry, not the vector of the CPU",
    on: { machines: PCI },
    plant: ({ pciInterrupts }) =>
      pciInterrupts((i) => {
        const program = i.program.bind(i);
        i.program = (entry) => program(entry, entry);
      }),
    expect: { rule: "msix-message", found: /sends 0x0 to 0xfee00000/ },
  },
  {
    id: "interrupt-pci-line-active-high",
    what: "the PCI line is set up as active high",
    on: { machines: PCI, interrupts: ["line"] },
    plant: ({ student }) => {
      const { interrupts } = student.ground;
      const install = interrupts.installLine.bind(interrupts);
      interrupts.installLine = (line, _mode, name, run) =>
        install(line, { trigger: "level", polarity: "high" }, name, run);
    },
    expect: { rule: "pci-line-low", found: /level triggered, active high/ },
  },
  {
    id: "interrupt-second-reason-forgotten",
    what: "the handler asks for a changed configuration only if nothing was used",
    on: { machines: PCI, devices: ["console"], interrupts: ["line"], props: "x-size=80x25" },
    plant: ({ student, console }) => {
      const { platform, interrupts } = student.ground;
      const resize = (cols: number, rows: number) => (platform as Machine).chardev("c0").resize(cols, rows);
      student.onInterrupt = (isr) => {
        const used = student.rings.some((ring) => ring.hasUsed());
        if ((isr & IsrBits.CONFIG) !== 0 && !used) console.readSize();
      };
      before(student, "work", () => {
        resize(100, 30);
        interrupts.poll();
        const pause = student.pause.bind(student);
        student.pause = () => {
          student.pause = pause;
          // The text is sent, and the terminal changes its size, before the driver hears of either.
          for (const end = platform.now() + 1e6; platform.now() < end;) platform.relax();
          resize(90, 20);
          pause();
        };
      });
    },
    expect: { rule: "interrupt-both-reasons", found: /0x3, .* neither status nor configuration was read/ },
  },
  {
    id: "interrupt-message-address-wrong",
    what: "messages go to RAM",
    on: { machines: PCI },
    plant: ({ pciInterrupts }) =>
      pciInterrupts((i) =>
        after(i, "program", (_, entry) => i.transport.store(i.table + Msix.ENTRY_SIZE * entry, 4, 0x2000))
      ),
    expect: { rule: "msix-message", found: /to 0x2000/ },
    also: ["device-writes-outside"],
  },
  {
    id: "interrupt-one-chain-each",
    what: "one used chain is taken for each interrupt, which may stand for several",
    on: {},
    plant: ({ rng }) =>
      rng.work = () => {
        const ring = rng.rings[0];
        for (const lengths of rng.requests) ring.add(rng.makePieces(lengths));
        ring.publish();
        ring.kick();
        for (const _ of rng.requests) {
          rng.pause();
          rng.accept(rng.nextUsed(ring));
        }
      },
    expect: { rule: "stuck-machine", found: /3 used buffers that the driver has not looked at/ },
  },
  {
    id: "interrupt-entry-open-while-filled",
    what: "an entry of the MSI-X table is unmasked, then filled",
    on: { machines: PCI },
    plant: ({ pciInterrupts }) =>
      pciInterrupts((i) => {
        const { control } = i;
        i.control = (bits) => control.call(i, bits & ~Msix.FUNCTION_MASK);
        before(i, "program", (entry) => i.unmask(i.table + Msix.ENTRY_SIZE * entry));
      }),
    expect: { rule: "msix-entry-masked", found: /address of MSI-X entry 0/ },
  },
];
