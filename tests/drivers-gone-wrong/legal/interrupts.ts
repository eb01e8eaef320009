import { MmioReg as R } from "../../../spec/virtio/mmio.ts";
import { CommonCfg as C, NO_VECTOR } from "../../../spec/virtio/pci.ts";
import { before, MMIO, PCI } from "../mistake.ts";
import type { Legal } from "./legal.ts";

/** Interrupts, and doing without them. */
export const INTERRUPTS: readonly Legal[] = [
  {
    id: "no-config-vector",
    what: "configuration changes have no vector",
    on: { machines: PCI },
    plant: ({ pci, pciInterrupts }) =>
      pciInterrupts((i) => i.setConfigVector = () => pci.write(C.CONFIG_MSIX_VECTOR, 2, NO_VECTOR)),
  },
  {
    id: "vectors-shared",
    what: "one vector is for the configuration and all queues",
    on: { machines: PCI, devices: ["console", "net"] },
    plant: ({ pciInterrupts }) =>
      pciInterrupts((i) => {
        i.size = 1;
        i.entryOf = () => 0;
      }),
  },
  {
    id: "polled-with-line-disabled",
    what: "interrupts are not used: INTx is disabled, the rings are polled",
    on: { interrupts: ["none"], devices: ["rng", "console", "net"] },
    plant: () => {},
  },
  {
    id: "isr-read-when-idle",
    what: "the ISR is read also when no interrupt came",
    on: { interrupts: ["line"], devices: ["rng", "console"] },
    plant: ({ student }) => before(student, "pause", () => void student.transport.acknowledge()),
  },
  {
    id: "mmio-ack-bit-by-bit",
    what: "the bits of InterruptStatus are acknowledged one by one",
    on: { machines: MMIO },
    plant: ({ mmio }) =>
      mmio.acknowledge = () => {
        const isr = mmio.read(R.INTERRUPT_STATUS);
        for (const bit of [1, 2]) if (isr & bit) mmio.write(R.INTERRUPT_ACK, bit);
        return isr;
      },
  },
  {
    id: "interrupts-off-while-looking",
    what: "interrupts are switched off while used chains are taken, then on, and the ring is looked at again",
    on: { eventIdx: true, devices: ["rng", "console"] },
    plant: ({ student }) => {
      const { nextUsed } = student;
      student.nextUsed = (ring) => {
        const used = nextUsed.call(student, ring);
        ring.setInterrupts(false);
        ring.setInterrupts(true);
        ring.barrierBeforeKick();
        return used;
      };
    },
  },
];
