import { CommonCfg as C, VirtioPciCap as Cap } from "../../../../spec/virtio/pci.ts";
import { Msix, PciCapId, PciCfg, PciCommand } from "../../../../spec/pci.ts";
import { F } from "../../../../spec/virtio/features.ts";
import { BAR_ADDRESS } from "../../../../verify/strict/rules/pci/bar_address.ts";
import { CAPABILITY_WRITTEN, CONFIG_WINDOW } from "../../../../verify/strict/rules/pci/capabilities.ts";
import {
  BAR_WHILE_DECODING,
  BUS_MASTER,
  MEMORY_DECODING,
} from "../../../../verify/strict/rules/pci/config_space.ts";
import {
  MSIX_ENTRY_FILLED,
  MSIX_ENTRY_MASKED,
  MSIX_MESSAGE,
} from "../../../../verify/strict/rules/pci/msix_entry.ts";
import { MSIX_ISR_READ, MSIX_UNMASKED } from "../../../../verify/strict/rules/pci/msix_mask.ts";
import { MSIX_READ_BACK, MSIX_VECTOR_RANGE } from "../../../../verify/strict/rules/pci/msix_vectors.ts";
import { PCI_NOTIFY_QUEUE, PCI_NOTIFY_WIDTH } from "../../../../verify/strict/rules/pci/notify.ts";
import { PCI_OUTSIDE_STRUCTURES } from "../../../../verify/strict/rules/pci/outside.ts";
import { VECTOR_WRITTEN_TWICE } from "../../../../verify/strict/rules/pci/queue_vector.ts";
import { PCI_ACCESS_WIDTH, PCI_READ_ONLY } from "../../../../verify/strict/rules/pci/registers.ts";
import { type Bench, type Case, PCI } from "../basic/_bench.ts";

const CONSOLE = [{ machine: "q35", device: "console" }] as const;

/** Where the capability of a type is. */
const capability = (b: Bench, type: number): number =>
  b.pci.fn.capabilities(PciCapId.VENDOR).find((at) => b.pci.fn.read(at + Cap.CFG_TYPE, 1) === type)!;
/** Points the window in configuration space. */
function aim(b: Bench, bar: number, offset: number, length: number): number {
  const at = capability(b.upTo("discover"), 5);
  b.pci.fn.write(at + Cap.BAR, 1, bar);
  b.pci.fn.write(at + Cap.OFFSET, 4, offset);
  b.pci.fn.write(at + Cap.LENGTH, 4, length);
  return at + Cap.EXTRA;
}

/** virtio over PCI. */
export const PCI_CASES: readonly Case[] = ([
  {
    rule: BAR_WHILE_DECODING,
    what: "a BAR is sized while memory is decoded",
    steps: (b) => {
      b.upTo("discover").pci.fn.write(PciCfg.BAR0 + 16, 4, 0xffff_ffff);
    },
    found: "BAR4 of 00:01.0 (virtio-rng-pci.0) was written with 0xffffffff while COMMAND is 0x407",
    expected: "bit 2 of COMMAND clear: the function decodes the address it is given",
  },
  {
    rule: BAR_WHILE_DECODING,
    what: "a BAR of ports gets an address while ports are decoded",
    steps: (b) => {
      b.upTo("discover").pci.fn.write(PciCfg.BAR0, 4, 0xd000);
    },
    found: "BAR0 of 00:01.0 (virtio-rng-pci.0) was written with 0xd000 while COMMAND is 0x407",
  },
  {
    rule: BAR_ADDRESS,
    what: "a BAR is left with all ones after sizing",
    steps: (b) => {
      const { fn } = b.upTo("discover").pci;
      fn.write(PciCfg.COMMAND, 2, 0);
      fn.write(PciCfg.BAR0 + 4, 4, 0xffff_ffff);
      fn.write(PciCfg.COMMAND, 2, PciCommand.MEMORY);
    },
    found:
      "COMMAND of 00:01.0 (virtio-rng-pci.0) was written with 0x2 while BAR1, at 0xfffff000, holds all ones, " +
      "as a write for sizing leaves it",
    expected: "an address of its own in each BAR of memory before bit 1 of COMMAND is set",
  },
  {
    rule: BAR_ADDRESS,
    what: "the upper half of a BAR is left with all ones",
    steps: (b) => {
      const { fn } = b.upTo("discover").pci;
      fn.write(PciCfg.COMMAND, 2, 0);
      fn.write(PciCfg.BAR0 + 20, 4, 0xffff_ffff);
      fn.write(PciCfg.COMMAND, 2, PciCommand.MEMORY);
    },
    found: "COMMAND of 00:01.0 (virtio-rng-pci.0) was written with 0x2 while BAR4, at 0xffffffffe0004000, " +
      "holds all ones, as a write for sizing leaves it",
  },
  {
    rule: BAR_ADDRESS,
    what: "a BAR gets an address in RAM",
    steps: (b) => {
      const { fn } = b.upTo("discover").pci;
      fn.write(PciCfg.COMMAND, 2, 0);
      fn.write(PciCfg.BAR0 + 4, 4, 0x10_0000);
      fn.write(PciCfg.COMMAND, 2, PciCommand.MEMORY);
    },
    found: "COMMAND of 00:01.0 (virtio-rng-pci.0) was written with 0x2 while BAR1, at 0x100000, is in RAM",
  },
  {
    rule: BUS_MASTER,
    what: "no bus mastering",
    steps: (b) => {
      b.upTo("queues").pci.fn.write(PciCfg.COMMAND, 2, PciCommand.MEMORY);
      b.student.driverOk();
    },
    found: "DRIVER_OK was written while COMMAND is 0x2: the function is no bus master",
    expected: "bit 2 (bus master) of COMMAND set",
  },
  {
    rule: BUS_MASTER,
    what: "bus mastering ends before the reset",
    steps: (b) => {
      b.upTo("live").pci.fn.write(PciCfg.COMMAND, 2, PciCommand.MEMORY);
    },
    found: "COMMAND was written with 0x2: the function is no bus master any more, and the device is live",
  },
  {
    rule: MEMORY_DECODING,
    what: "a register while memory is not decoded",
    steps: (b) => {
      b.upTo("discover").pci.fn.write(PciCfg.COMMAND, 2, PciCommand.BUS_MASTER);
      b.store(C.DEVICE_STATUS, 1, 0);
    },
    found: "a write at 0xe0004014, which is in BAR4 of 00:01.0, while COMMAND is 0x4",
    expected: "bit 1 (memory) of COMMAND set",
  },
  {
    rule: CAPABILITY_WRITTEN,
    what: "the type of a capability is written",
    steps: (b) => {
      const at = capability(b.upTo("discover"), 3);
      b.pci.fn.write(at + Cap.CFG_TYPE, 1, 1);
    },
    found:
      "0x1 (1 byte) was written at 0x53 of configuration space, in the virtio capability at 0x50 (cfg_type 3)",
    expected: "no write there",
  },
  {
    rule: CAPABILITY_WRITTEN,
    what: "the id of the access window is written",
    steps: (b) => {
      const at = capability(b.upTo("discover"), 5);
      b.pci.fn.write(at + Cap.ID, 1, 7);
    },
    found:
      "0x7 (1 byte) was written at 0x89 of configuration space, in the virtio capability at 0x84 (cfg_type 5)",
  },
  {
    rule: CONFIG_WINDOW,
    what: "an offset that is no multiple of the length",
    steps: (b) => {
      const data = aim(b, 4, 2, 4);
      b.pci.fn.read(data, 4);
    },
    found: "a read of 4 bytes at 0x94 (data at 0x94) with bar 4, offset 0x2, length 4",
    expected: "an offset that is a multiple of the length 4",
  },
  {
    rule: CONFIG_WINDOW,
    what: "another width than the length",
    steps: (b) => {
      const data = aim(b, 4, C.DEVICE_STATUS, 1);
      b.pci.fn.write(data, 4, 0);
    },
    found: "a write of 4 bytes at 0x94 (data at 0x94) with bar 4, offset 0x14, length 1",
    expected: "an access of 1 byte at the start of the data",
  },
  {
    rule: CONFIG_WINDOW,
    what: "a place that is no structure",
    steps: (b) => {
      const data = aim(b, 1, 0x1000, 4);
      b.pci.fn.read(data, 4);
    },
    found: "a read of 4 bytes at 0x94 (data at 0x94) with bar 1, offset 0x1000, length 4",
    expected: "a place that another virtio capability describes",
  },
  {
    rule: PCI_ACCESS_WIDTH,
    what: "the status with 32 bits",
    steps: (b) => b.upTo("reset").store(C.DEVICE_STATUS, 4, 1),
    found: "a write of 4 bytes at 0x14 of the common configuration",
    expected: "1 byte at 0x14 (device_status)",
  },
  {
    rule: PCI_ACCESS_WIDTH,
    what: "half of a 32-bit register",
    steps: (b) => void b.upTo("acknowledge").load(C.DEVICE_FEATURE + 2, 2),
    found: "a read of 2 bytes at 0x6 of the common configuration",
    expected: "4 bytes at 0x4 (device_feature)",
  },
  {
    rule: PCI_ACCESS_WIDTH,
    what: "behind the last register",
    steps: (b) => void b.upTo("acknowledge").load(0x7c, 4),
    found: "a read of 4 bytes at 0x7c of the common configuration",
    expected: "a register of the common configuration (0x0 to 0x3f)",
  },
  {
    rule: PCI_ACCESS_WIDTH,
    what: "the ISR status with 32 bits",
    steps: (b) => void b.upTo("live").pci.load(b.pci.isr, 4),
    found: "a read of 4 bytes at 0x0 of the ISR status",
    expected: "1 byte at offset 0",
  },
  {
    rule: PCI_READ_ONLY,
    what: "num_queues is written",
    steps: (b) => b.upTo("confirm").store(C.NUM_QUEUES, 2, 1),
    found: "num_queues was written with 0x1 (2 bytes at 0x12)",
    expected: "no write to num_queues",
  },
  {
    rule: PCI_READ_ONLY,
    what: "the accepted features go to device_feature",
    steps: (b) => b.upTo("acknowledge").store(C.DEVICE_FEATURE, 4, 1),
    found: "device_feature was written with 0x1 (4 bytes at 0x4)",
  },
  {
    rule: PCI_OUTSIDE_STRUCTURES,
    what: "behind the end of the BAR",
    steps: (b) => {
      b.upTo("live").pci.notifyAddress = () => b.pci.notifyBase + 4 * 2000;
      b.transport.notify(0, 0, 2);
    },
    found: "a write (0x0) of 2 bytes at 0xe0008f40, 0xf40 behind the end of BAR4 of 00:01.0",
    expected: "an address below 0xe0008000",
  },
  {
    rule: PCI_OUTSIDE_STRUCTURES,
    what: "a part of a BAR that nothing describes",
    steps: (b) => void b.upTo("discover").pci.load(b.pci.fn.bars.get(1)! + 0x100, 4),
    found: "a read of 4 bytes at 0xe0000100, 0x100 from the start of its BAR",
  },
  {
    rule: PCI_NOTIFY_WIDTH,
    what: "32 bits without NOTIFICATION_DATA",
    steps: (b) => b.upTo("live").transport.notify(0, 0, 4),
    found: "a notification of 32 bits (0x0)",
    expected: "16 bits (without NOTIFICATION_DATA)",
  },
  {
    rule: PCI_NOTIFY_WIDTH,
    what: "16 bits with NOTIFICATION_DATA",
    on: [{ machine: "q35", props: "notification_data=on", wants: F.NOTIFICATION_DATA }],
    steps: (b) => b.upTo("live").transport.notify(0, 0, 2),
    found: "a notification of 16 bits (0x0)",
    expected: "32 bits (with NOTIFICATION_DATA)",
  },
  {
    rule: PCI_NOTIFY_QUEUE,
    what: "the multiplier is added",
    on: CONSOLE,
    steps: (b) => {
      b.upTo("live").pci.notifyAddress = (queue) =>
        b.pci.notifyBase + b.pci.notifyOff[queue] + b.pci.multiplier;
      b.transport.notify(0, 0, 2);
    },
    found: "0x0 (queue 0) was written at offset 0x4 of the notification structure, which is that of queue 1",
    expected: "offset 0x0 (queue_notify_off 0 times 4) for queue 0",
  },
  {
    rule: PCI_NOTIFY_QUEUE,
    what: "the multiplier is added, and the device has one queue",
    steps: (b) => {
      b.upTo("live").pci.notifyAddress = (queue) =>
        b.pci.notifyBase + b.pci.notifyOff[queue] + b.pci.multiplier;
      b.transport.notify(0, 0, 2);
    },
    found: "0x0 (queue 0) was written at offset 0x4 of the notification structure, which is no queue's",
  },
  {
    rule: PCI_NOTIFY_QUEUE,
    what: "queue_notify_off is not read",
    steps: (b) => {
      b.transport.learnNotify = () => {};
      b.upTo("live").pci.notifyAddress = () => b.pci.notifyBase;
      b.transport.notify(0, 0, 2);
    },
    found: "0x0 (queue 0) was written at offset 0x0 of the notification structure, which is no queue's",
    expected: "queue_notify_off of queue 0 read, and times 4",
  },
  {
    rule: MSIX_VECTOR_RANGE,
    what: "the CPU's vector instead of the entry",
    steps: (b) => {
      b.upTo("confirm").transport.select(0);
      b.store(C.QUEUE_MSIX_VECTOR, 2, 65);
    },
    found: "queue_msix_vector was written with 65 for queue 0",
    expected: "0 to 1, or 0xffff",
  },
  {
    rule: MSIX_VECTOR_RANGE,
    what: "a vector of a function without MSI-X",
    on: [{ machine: "q35", props: "vectors=0", interrupts: "line" }],
    steps: (b) => b.upTo("confirm").store(C.CONFIG_MSIX_VECTOR, 2, 0),
    found: "config_msix_vector was written with 0 for configuration changes",
    expected: "0xffff: the function has no MSI-X",
  },
  {
    rule: MSIX_READ_BACK,
    what: "a queue is enabled before its vector was read back",
    steps: (b) => {
      const { transport } = b.upTo("confirm");
      transport.select(0);
      b.store(C.QUEUE_MSIX_VECTOR, 2, 1);
      transport.enableQueue();
    },
    found: "vector 1 was written for queue 0 and not read back before the queue was enabled",
    expected: "queue_msix_vector read after it was written",
  },
  {
    rule: VECTOR_WRITTEN_TWICE,
    what: "queue_select is not written between the vectors of two queues",
    steps: (b) => {
      b.upTo("confirm").transport.select(1);
      b.store(C.QUEUE_MSIX_VECTOR, 2, 0);
      // The same again, none, and one after a selection are no mistake.
      b.store(C.QUEUE_MSIX_VECTOR, 2, 0);
      b.store(C.QUEUE_MSIX_VECTOR, 2, 0xffff);
      b.store(C.QUEUE_MSIX_VECTOR, 2, 1);
      b.transport.select(1);
      b.store(C.QUEUE_MSIX_VECTOR, 2, 0);
      b.store(C.QUEUE_MSIX_VECTOR, 2, 1);
    },
    found:
      "queue_msix_vector was written with 1 after 0, both for queue 1: queue_select was not written between",
    expected: "queue_select with the number of the queue before its vector",
  },
  {
    rule: MSIX_READ_BACK,
    what: "the vector of configuration changes is not read back",
    steps: (b) => {
      b.upTo("queues").store(C.CONFIG_MSIX_VECTOR, 2, 0);
      b.student.driverOk();
    },
    found: "vector 0 was written for configuration changes and not read back before DRIVER_OK",
  },
  {
    rule: MSIX_ENTRY_FILLED,
    what: "an entry without data",
    steps: (b) => {
      b.student.openInterrupts = () => {
        b.pci.interrupts.program = (entry) =>
          b.pci.store(b.pci.interrupts.table + 16 * entry, 4, 0xfee0_0000);
        b.transport.openInterrupts(1, () => {});
      };
      b.upTo("live");
    },
    found: "configuration changes has vector 0, and the data of that MSI-X entry was never written",
    expected: "entry 0 of the table filled before DRIVER_OK",
  },
  {
    rule: MSIX_ENTRY_FILLED,
    what: "MSI-X is not enabled",
    steps: (b) => {
      b.upTo("queues");
      const [at] = b.pci.fn.capabilities(PciCapId.MSIX);
      b.pci.fn.write(at + Msix.CONTROL, 2, 0);
      b.student.driverOk();
    },
    found: "configuration changes has vector 0, and MSI-X is not enabled",
  },
  {
    rule: MSIX_ENTRY_MASKED,
    what: "an entry gets another vector while it is open",
    steps: (b) => b.upTo("live").pci.store(b.pci.interrupts.table + 16 + 8, 4, 70),
    found: "the data of MSI-X entry 1 was written with 0x46 while the entry was not masked",
    expected: "bit 0 of the entry's vector control set",
  },
  {
    rule: MSIX_MESSAGE,
    what: "the message goes to memory",
    steps: (b) => {
      const { platform } = b.student.ground;
      platform.msiMessage = (vector) => ({ address: 0x1000, data: vector });
      b.upTo("live");
    },
    found: "MSI-X entry 0 of configuration changes sends 0x40 to 0x1000",
    expected: "an address from 0xfee00000 to 0xfeefffff",
  },
  {
    rule: MSIX_MESSAGE,
    what: "the data is the entry's number",
    steps: (b) => {
      const { platform } = b.student.ground;
      platform.msiMessage = () => ({ address: 0xfee0_0000, data: 1 });
      b.upTo("live");
    },
    found: "MSI-X entry 0 of configuration changes sends 0x1 to 0xfee00000",
    expected: "a vector of 16 at least",
  },
  {
    rule: MSIX_UNMASKED,
    what: "the entries stay masked until the CPU waits",
    steps: (b) => {
      b.student.openInterrupts = () => {
        b.pci.interrupts.unmask = () => {};
        b.transport.openInterrupts(1, () => {});
      };
      b.upTo("live");
      b.strict.emit({ ev: "idle" });
    },
    found: "the CPU waits, and MSI-X entry 0 of configuration changes was never unmasked",
  },
  {
    rule: MSIX_UNMASKED,
    what: "the function stays masked all its life",
    steps: (b) => {
      b.student.openInterrupts = () => {
        const { interrupts } = b.pci;
        const control = interrupts.control.bind(interrupts);
        interrupts.control = (bits) => control(bits | Msix.FUNCTION_MASK);
        b.transport.openInterrupts(1, () => {});
      };
      b.upTo("live").student.reset();
    },
    found: "the device was live and is reset, and the MSI-X function mask was never cleared",
    expected: "bit 14 of Message Control cleared",
  },
  {
    rule: MSIX_ISR_READ,
    what: "the ISR status is read in a queue's handler",
    steps: (b) => {
      b.upTo("live");
      const vector = b.pci.load(b.pci.interrupts.table + 16 + 8, 4);
      b.strict.emit({ ev: "interrupt", vector });
      b.pci.load(b.pci.isr, 1);
    },
    found: "the ISR status was read (0x0) after the message of queue 0 (vector 65)",
    expected: "no read: the vector names the queue",
  },
] satisfies readonly Case[]).map((c: Case) => ({ on: PCI, ...c }));
