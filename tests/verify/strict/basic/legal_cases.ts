import { ConsoleConfig } from "../../../../spec/virtio/console.ts";
import { ConsoleF, F, featureWord } from "../../../../spec/virtio/features.ts";
import { NetConfig } from "../../../../spec/virtio/net.ts";
import { CommonCfg as C, NO_VECTOR, VirtioPciCap as Cap } from "../../../../spec/virtio/pci.ts";
import { MmioReg as R } from "../../../../spec/virtio/mmio.ts";
import { Msix, PciCapId, PciCfg, PciCommand } from "../../../../spec/pci.ts";
import { drive } from "../../../drivers-gone-wrong/world.ts";
import { type Bench, type Legal, MMIO, PCI } from "./_bench.ts";

const NET = [{ machine: "q35", device: "net" }, { machine: "microvm", device: "net" }] as const;
const CONSOLE = [{ machine: "q35", device: "console" }, { machine: "microvm", device: "console" }] as const;
const done = (b: Bench) => void (b.student.reset(), b.student.releaseMemory());

/** What drivers do, and may. */
export const LEGAL: readonly Legal[] = [
  {
    what: "ACKNOWLEDGE and DRIVER in one write",
    steps: (b) => {
      b.student.acknowledge = () => b.student.addStatus(3);
      done(b.upTo("live"));
    },
  },
  {
    what: "resets at every step",
    steps: (b) => {
      b.upTo("discover");
      for (
        const steps of [["acknowledge"], ["acknowledge", "negotiate"], [
          "acknowledge",
          "negotiate",
          "confirmFeatures",
        ]]
      ) {
        b.student.reset();
        b.student.reset();
        for (const step of steps) b.student[step as "acknowledge"]();
      }
      b.student.reset();
    },
  },
  {
    what: "FAILED, a reset, and another attempt",
    steps: (b) => {
      b.upTo("acknowledge").student.addStatus(128);
      b.student.reset();
      b.student.acknowledge();
      b.student.negotiate();
      b.student.confirmFeatures();
    },
  },
  {
    what: "FAILED for a device that the driver does not want",
    steps: (b) => b.upTo("discover").transport.setStatus(128),
  },
  {
    what: "a refusal, FAILED, and a reset",
    on: [{ machine: "q35", props: "disable-legacy=on,iommu_platform=on" }, {
      machine: "microvm",
      props: "iommu_platform=on",
    }],
    steps: (b) => {
      b.upTo("negotiate").student.addStatus(8);
      b.transport.setStatus(b.transport.status() | 128);
      b.student.reset();
    },
  },
  {
    what: "the status is written again as it is, and read at any time",
    steps: (b) => {
      b.upTo("live").transport.setStatus(b.transport.status());
      b.transport.setStatus(15);
      done(b);
    },
  },
  {
    what: "DEVICE_NEEDS_RESET is read, written back with FAILED, and the device reset",
    steps: (b) => {
      b.upTo("live");
      if (b.isPci) b.says(C.DEVICE_STATUS, 1, 0x4f);
      else b.says(R.STATUS, 4, 0x4f);
      b.transport.setStatus(0xcf);
      done(b);
    },
  },
  {
    what: "features are read before the reset, and not again",
    steps: (b) => {
      b.upTo("discover");
      const offered = b.student.readOffered();
      b.student.reset();
      b.student.acknowledge();
      b.student.accepted = b.student.choose(offered);
      b.student.writeAccepted(b.student.accepted);
      b.student.confirmFeatures();
    },
  },
  {
    what: "the driver changes its mind before FEATURES_OK, word by word",
    steps: (b) => {
      const { student, transport } = b.upTo("negotiate");
      transport.accept(1, 0);
      transport.accept(0, featureWord(F.EVENT_IDX, 0));
      transport.accept(1, featureWord(F.VERSION_1, 1));
      transport.accept(1, featureWord(F.VERSION_1, 1));
      student.addStatus(8);
      transport.status();
    },
  },
  {
    what: "words 2 and 3 are read, too",
    on: PCI,
    steps: (b) => {
      b.upTo("acknowledge");
      for (const word of [0, 1, 2, 3]) b.transport.offered(word);
      b.student.negotiate();
      for (const word of [2, 3]) b.transport.accept(word, 0);
      b.student.confirmFeatures();
    },
  },
  {
    what: "a queue is selected without need, and tried with another size first",
    steps: (b) => {
      const { transport } = b.upTo("confirm");
      transport.select(1);
      transport.select(0);
      transport.setSize(2);
      transport.select(0);
      b.student.openInterrupts();
      b.student.setUpQueues();
      b.student.driverOk();
      done(b);
    },
  },
  {
    what: "upper halves first",
    steps: (b) => {
      if (b.isPci) {
        b.pci.setAddress = (register, address) => {
          b.pci.write(register + 4, 4, 0);
          b.pci.write(register, 4, address);
        };
      } else {
        b.mmio.setAddress = (register, address) => {
          b.mmio.write(register + 4, 0);
          b.mmio.write(register, address);
        };
      }
      done(b.upTo("live"));
    },
  },
  {
    what: "a queue is reset and set up again with another size while the device is live",
    steps: (b) => {
      b.upTo("live").student.queueSize = 4;
      b.student.restartQueue(0);
      done(b);
    },
  },
  {
    what: "the device is reset while the reset of a queue is under way",
    steps: (b) => {
      b.upTo("live").transport.select(0);
      if (b.isPci) b.store(C.QUEUE_RESET, 2, 1);
      else b.store(R.QUEUE_RESET, 4, 1);
      done(b);
    },
  },
  {
    what: "every chain is announced, wanted or not",
    on: [...PCI, ...MMIO, { machine: "q35", ring: "packed" }, { machine: "microvm", ring: "packed" }],
    steps: (b) => {
      b.student.onRing = (ring) => ring.wantsKick = () => true;
      const { error } = drive(b.world);
      if (error !== undefined) throw error;
    },
  },
  {
    what: "a driver that never waits for interrupts",
    on: [{ machine: "q35", interrupts: "none" }, { machine: "microvm", interrupts: "none" }],
    steps: (b) => {
      const { error } = drive(b.world);
      if (error !== undefined) throw error;
    },
  },
  {
    what: "the address of a card is read until it is the same twice",
    on: NET,
    steps: (b) => {
      const { transport } = b.upTo("confirm");
      for (let round = 0; round < 2; round++) {
        for (let i = 0; i < 6; i++) transport.readConfig(NetConfig.MAC + i, 1);
      }
    },
  },
  {
    what: "a generation that changed, and a second reading",
    on: NET,
    steps: (b) => {
      const says = (value: number) =>
        b.isPci ? b.says(C.CONFIG_GENERATION, 1, value) : b.says(R.CONFIG_GENERATION, 4, value);
      b.upTo("confirm");
      for (const [before, after] of [[1, 2], [2, 2]]) {
        says(before);
        for (let i = 0; i < 6; i++) b.transport.readConfig(NetConfig.MAC + i, 1);
        says(after);
      }
    },
  },
  {
    what: "single fields are read without a look at the generation",
    on: NET,
    steps: (b) => {
      const { transport } = b.upTo("confirm");
      transport.readConfig(NetConfig.STATUS, 2);
      transport.readConfig(NetConfig.STATUS, 2);
    },
  },
  {
    what: "a character in an emergency, before anything else",
    on: CONSOLE,
    steps: (b) => {
      b.upTo("acknowledge").student.readOffered();
      if ((b.student.readOffered() & ConsoleF.EMERG_WRITE) === 0n) throw new Error("no EMERG_WRITE");
      b.transport.writeConfig(ConsoleConfig.EMERG_WR, 4, 65);
    },
  },
  {
    what: "all of configuration space is read, at every width",
    on: PCI,
    steps: (b) => {
      const { fn } = b.upTo("discover").pci;
      for (const width of [1, 2, 4] as const) for (let at = 0; at < 256; at += width) fn.read(at, width);
    },
  },
  {
    what: "the status is read through the window in configuration space",
    on: PCI,
    steps: (b) => {
      const { fn } = b.upTo("discover").pci;
      const at = fn.capabilities(PciCapId.VENDOR).find((cap) => fn.read(cap + Cap.CFG_TYPE, 1) === 5)!;
      fn.write(at + Cap.BAR, 1, 4);
      fn.write(at + Cap.OFFSET, 4, C.DEVICE_STATUS);
      fn.write(at + Cap.LENGTH, 4, 1);
      fn.read(at + Cap.EXTRA, 1);
    },
  },
  {
    what: "vectors are taken away again, and entries masked for a while",
    on: PCI,
    steps: (b) => {
      const { pci, transport } = b.upTo("live");
      pci.store(pci.interrupts.table + 12, 4, 1);
      b.strict.emit({ ev: "idle" });
      pci.store(pci.interrupts.table + 12, 4, 0);
      transport.select(0);
      pci.write(C.QUEUE_MSIX_VECTOR, 2, NO_VECTOR);
      pci.write(C.CONFIG_MSIX_VECTOR, 2, NO_VECTOR);
      done(b);
    },
  },
  {
    what: "MSI-X is on, and the driver has no vector: it looks for itself",
    on: [{ machine: "q35", interrupts: "none" }],
    steps: (b) => {
      b.upTo("negotiate");
      const { fn } = b.pci;
      const [at] = fn.capabilities(PciCapId.MSIX);
      fn.write(at + Msix.CONTROL, 2, fn.read(at + Msix.CONTROL, 2) | Msix.ENABLE);
      b.student.confirmFeatures();
      b.student.setUpQueues();
      b.student.driverOk();
      b.strict.emit({ ev: "idle" });
      done(b);
    },
  },
  {
    what: "bus mastering ends behind the reset",
    on: PCI,
    steps: (b) => {
      b.upTo("live").student.reset();
      b.pci.fn.write(PciCfg.COMMAND, 2, PciCommand.MEMORY);
    },
  },
  {
    what: "a queue is stopped by QueueReady, and goes on as it was",
    on: MMIO,
    steps: (b) => {
      const { mmio, student } = b.upTo("live");
      mmio.select(0);
      mmio.write(R.QUEUE_READY, 0);
      mmio.read(R.QUEUE_READY);
      student.rings[0].memory.writeU16(student.rings[0].areas().driver, 0);
      mmio.write(R.QUEUE_READY, 1);
      done(b);
    },
  },
  {
    what: "all windows are looked at",
    on: MMIO,
    steps: (b) => {
      const { mmio } = b;
      for (let slot = 0; slot < mmio.slots(); slot++) {
        mmio.base = 0xfeb0_0000 + 0x200 * slot;
        for (const register of [R.VERSION, R.MAGIC_VALUE, R.DEVICE_ID, R.VENDOR_ID]) mmio.read(register);
      }
      b.upTo("live");
      done(b);
    },
  },
  {
    what: "the legacy interface of a transitional device",
    on: PCI,
    steps: (b) => {
      const { fn } = b.upTo("discover").pci;
      const { platform } = b.world;
      const port = fn.bars.get(0)!;
      // Status, features, a queue's number and page, a notification (virtio 1.4, 4.1.4.10).
      for (
        const [offset, width, value] of [[18, 1, 0], [18, 1, 1], [18, 1, 3], [4, 4, 0], [14, 2, 0]] as const
      ) {
        platform.portWrite(port + offset, width, value);
      }
      platform.portWrite(port + 8, 4, 0x100);
      platform.portWrite(port + 18, 1, 7);
      platform.portWrite(port + 16, 2, 0);
      platform.portRead(port + 19, 1);
      platform.portWrite(port + 18, 1, 0);
    },
  },
  {
    what: "a legacy driver of a window of version 1",
    on: MMIO,
    steps: (b) => {
      // The window of version 2 says version 1: the driver goes the old way.
      b.mmio.base = 0xfeb0_0e00;
      b.says(R.MAGIC_VALUE, 4, 0x7472_6976);
      b.says(R.VERSION, 4, 1);
      b.says(R.DEVICE_ID, 4, 4);
      const wrote = (offset: number, value: number) =>
        b.strict.emit({ ev: "mmio_write", addr: b.register(offset), width: 4, value });
      for (const status of [0, 1, 3]) wrote(R.STATUS, status);
      wrote(0x28, 4096);
      wrote(R.DRIVER_FEATURES_SEL, 0);
      wrote(R.DRIVER_FEATURES, 0);
      wrote(R.QUEUE_SEL, 0);
      wrote(R.QUEUE_NUM, 16);
      wrote(0x3c, 4096);
      wrote(0x40, 0x100);
      wrote(R.STATUS, 7);
      wrote(R.QUEUE_NOTIFY, 0);
      wrote(R.STATUS, 0);
    },
  },
  {
    what: "a device is given up, and its memory serves another one",
    on: MMIO,
    steps: (b) => {
      const other = 0xfeb0_0000;
      const access = (ev: "mmio_read" | "mmio_write", offset: number, value: number) =>
        b.strict.emit({ ev, addr: other + offset, width: 4, value });
      access("mmio_read", R.MAGIC_VALUE, 0x7472_6976);
      access("mmio_read", R.VERSION, 2);
      access("mmio_read", R.DEVICE_ID, 4);
      access("mmio_write", R.STATUS, 0);
      access("mmio_read", R.STATUS, 0);
      for (const status of [1, 3]) access("mmio_write", R.STATUS, status);
      for (const select of [R.DEVICE_FEATURES_SEL, R.DRIVER_FEATURES_SEL]) access("mmio_write", select, 1);
      access("mmio_read", R.DEVICE_FEATURES, 1);
      access("mmio_write", R.DRIVER_FEATURES, 1);
      access("mmio_write", R.STATUS, 11);
      access("mmio_read", R.STATUS, 11);
      access("mmio_write", R.QUEUE_SEL, 0);
      access("mmio_read", R.QUEUE_NUM_MAX, 16);
      access("mmio_write", R.QUEUE_NUM, 16);
      access("mmio_write", R.QUEUE_DESC_LOW, 0x10_0000);
      access("mmio_write", R.QUEUE_DRIVER_LOW, 0x10_1000);
      access("mmio_write", R.QUEUE_DEVICE_LOW, 0x10_2000);
      access("mmio_write", R.QUEUE_READY, 1);
      access("mmio_write", R.STATUS, 0x8b);
      done(b.upTo("live"));
    },
  },
];
