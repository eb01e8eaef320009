import { PciCapId, PciCfg } from "../../../spec/pci.ts";
import { CapCfgType, VirtioPciCap as Cap } from "../../../spec/virtio/pci.ts";
import { MMIO, PCI } from "../mistake.ts";
import type { Legal } from "./legal.ts";

const EACH = ["rng", "console", "net"] as const;

/** As SeaBIOS, iPXE and edk2: one thing at a time, polled, the platform as they found it. */
export const FIRMWARE: readonly Legal[] = [
  {
    id: "firmware-bars-below-ioapic",
    what: "BARs lie right below the interrupt controllers, placed from the top down",
    on: { machines: PCI, devices: EACH, interrupts: ["msix", "line"] },
    plant: ({ pciFunction }) =>
      pciFunction((fn) => {
        let top = 0xfec0_0000;
        fn.placeBar = (bar) => {
          const size = bar.io ? bar.size : Math.max(bar.size, 4096);
          if (!bar.io) top = Math.floor((top - size) / size) * size;
          const address = bar.io ? 0xc000 : top;
          fn.write(PciCfg.BAR0 + 4 * bar.index, 4, address);
          if (bar.wide) fn.write(PciCfg.BAR0 + 4 * bar.index + 4, 4, 0);
          fn.bars.set(bar.index, address);
        };
      }),
  },
  {
    id: "firmware-bars-above-4g",
    what: "64-bit BARs lie above 4 GiB",
    on: { machines: PCI, devices: EACH },
    plant: ({ pciFunction }) =>
      pciFunction((fn) => {
        const { placeBar } = fn;
        fn.placeBar = (bar) => {
          if (!bar.wide) return placeBar.call(fn, bar);
          fn.write(PciCfg.BAR0 + 4 * bar.index, 4, 0);
          fn.write(PciCfg.BAR0 + 4 * bar.index + 4, 4, 0x80);
          fn.bars.set(bar.index, 0x80 * 2 ** 32);
        };
      }),
  },
  {
    id: "firmware-through-configuration-space",
    what: "registers are reached through the window in configuration space",
    on: { machines: PCI, devices: EACH, interrupts: ["none", "msix"] },
    plant: ({ pci }) => {
      let window = 0;
      const aim = (address: number, width: number) => {
        const { fn } = pci;
        if (window === 0) {
          window = fn.capabilities(PciCapId.VENDOR)
            .find((at) => fn.read(at + Cap.CFG_TYPE, 1) === CapCfgType.Pci)!;
        }
        const [bar, base] = [...fn.bars].findLast(([, base]) => base <= address)!;
        fn.write(window + Cap.BAR, 1, bar);
        fn.write(window + Cap.OFFSET, 4, address - base);
        fn.write(window + Cap.LENGTH, 4, width);
      };
      const inStructures = (address: number) => address >= pci.common && address < pci.common + 0x4000;
      const { load, store } = pci;
      pci.load = (address, width) => {
        if (!inStructures(address)) return load.call(pci, address, width);
        aim(address, width);
        return pci.fn.read(window + Cap.EXTRA, width);
      };
      pci.store = (address, width, value) => {
        // Notifications go the short way.
        if (!inStructures(address) || address >= pci.notifyBase) {
          return store.call(pci, address, width, value);
        }
        aim(address, width);
        pci.fn.write(window + Cap.EXTRA, width, value);
      };
    },
  },
  {
    id: "firmware-notifies-through-configuration-space",
    what: "also notifications go through the window",
    on: { machines: PCI, interrupts: ["none"] },
    plant: ({ pci }) => {
      const { notify } = pci;
      pci.notify = (queue, value, width) => {
        const { fn } = pci;
        const window = fn.capabilities(PciCapId.VENDOR)
          .find((at) => fn.read(at + Cap.CFG_TYPE, 1) === CapCfgType.Pci)!;
        const address = pci.notifyAddress(queue);
        const found = [...fn.bars].findLast(([, base]) => base <= address);
        if (found === undefined) return notify.call(pci, queue, value, width);
        fn.write(window + Cap.BAR, 1, found[0]);
        fn.write(window + Cap.OFFSET, 4, address - found[1]);
        fn.write(window + Cap.LENGTH, 4, width);
        fn.write(window + Cap.EXTRA, width, value);
      };
    },
  },
  {
    id: "firmware-isr-read-at-each-poll",
    what: "rings are polled, and the ISR is read each time to keep the line quiet",
    on: { interrupts: ["none"], devices: EACH },
    plant: ({ student }) => {
      const { pause } = student;
      student.pause = () => {
        pause.call(student);
        student.transport.acknowledge();
      };
    },
  },
  {
    id: "firmware-one-descriptor",
    what: "the ring has one descriptor, which is used again and again",
    on: {},
    plant: ({ rng, student }) => {
      student.queueSize = 1;
      rng.requests = Array.from({ length: 5 }, () => [16]);
    },
  },
  {
    id: "firmware-small-rings",
    what: "rings of two descriptors",
    on: { devices: ["rng"], eventIdx: true, interrupts: ["none"] },
    plant: ({ rng, student }) => {
      student.queueSize = 2;
      rng.requests = Array.from({ length: 9 }, (_, i) => i % 2 === 0 ? [8, 8] : [16]);
    },
  },
  {
    id: "firmware-status-polled",
    what: "the status is read at each step and in each loop",
    on: { devices: EACH, interrupts: ["none"] },
    plant: ({ student }) => {
      const { pause } = student;
      student.pause = () => {
        pause.call(student);
        student.transport.status();
      };
    },
  },
  {
    id: "firmware-interrupts-opened-last",
    what: "interrupts are opened when the device is live",
    on: { devices: EACH, interrupts: ["line"], machines: [...PCI, ...MMIO] },
    plant: ({ student }) => {
      const open = student.openInterrupts.bind(student), ok = student.driverOk.bind(student);
      student.openInterrupts = () => {};
      student.driverOk = () => {
        ok();
        open();
      };
    },
  },
  {
    id: "firmware-vectors-masked",
    what: "vectors are given and stay masked, the rings are polled",
    on: { machines: PCI, devices: EACH },
    plant: ({ student, pciInterrupts }) => {
      pciInterrupts((i) => {
        i.unmask = () => {};
        i.setConfigVector = () => {};
      });
      student.pause = () => void student.ground.platform.relax();
      Object.defineProperty(student, "interruptsWanted", { value: false });
    },
  },
];
