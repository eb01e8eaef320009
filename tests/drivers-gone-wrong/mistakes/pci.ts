import { PciCfg, PciCommand } from "../../../spec/pci.ts";
import { CapCfgType, CommonCfg as C, VirtioPciCap as Cap } from "../../../spec/virtio/pci.ts";
import { after, before, forgotten, type Mistake, PCI } from "../mistake.ts";

/** virtio over PCI: configuration space, capabilities, registers (virtio 1.4, 4.1). */
export const PCI_MISTAKES: readonly Mistake[] = [
  {
    id: "pci-bars-sized-while-decoding",
    what: "all ones are written to BARs while the function decodes memory",
    on: { machines: PCI },
    plant: ({ pciFunction }) =>
      pciFunction((fn) => {
        fn.stopDecoding = (command) => fn.write(PciCfg.COMMAND, 2, command | PciCommand.MEMORY);
      }),
    expect: { rule: "pci-bar-while-decoding", found: /BAR1 .* 0xffffffff while COMMAND is 0x2/ },
    also: ["pci-bar-address"],
  },
  {
    id: "pci-no-bus-master",
    what: "the device may not reach memory: bus mastering stays off",
    on: { machines: PCI },
    plant: ({ pciFunction }) =>
      pciFunction((fn) => fn.commandBits = () => PciCommand.IO | PciCommand.MEMORY | PciCommand.INTX_DISABLE),
    expect: { rule: "pci-bus-master", found: /DRIVER_OK was written while COMMAND is 0x403/ },
  },
  {
    id: "pci-no-memory-decoding",
    what: "registers are accessed while memory decoding is off",
    on: { machines: PCI },
    plant: ({ pciFunction }) =>
      pciFunction((fn) => fn.commandBits = () => PciCommand.IO | PciCommand.BUS_MASTER),
    expect: { rule: "pci-memory-decoding", found: /in BAR4 of 00:01.0, while COMMAND is 0x5/ },
  },
  {
    id: "pci-capability-offset-ignored",
    what: "structures are looked for at the start of their BAR: the offset in the capability is not used",
    on: { machines: PCI },
    plant: ({ pciFunction }) =>
      pciFunction((fn) => {
        const read = fn.read.bind(fn);
        const offsets = new Set<number>();
        fn.read = (offset, width) => {
          if (offset >= 0x40 && width === 4 && offsets.has(offset)) return 0;
          const value = read(offset, width);
          if (width === 1 && value === 9 && offset >= 0x40) offsets.add(offset + Cap.OFFSET);
          return value;
        };
      }),
    expect: { rule: "pci-access-width", found: /2 bytes at 0x0/ },
    also: ["lost-notification"],
  },
  {
    id: "pci-capability-written",
    what: "a field of a capability is written, to choose the structure",
    on: { machines: PCI },
    plant: ({ pci }) =>
      before(pci, "readCapabilities", () => {
        pci.fn.write(pci.fn.capabilities(9)[0] + Cap.CFG_TYPE, 1, CapCfgType.Common);
      }),
    expect: { rule: "pci-capability-written", found: /0x1 \(1 byte\) .*cfg_type/ },
  },
  {
    id: "pci-notify-multiplier-ignored",
    what: "the notification address leaves out the multiplier",
    on: { machines: PCI, devices: ["console", "net"] },
    plant: ({ pci }) => pci.notifyAddress = (queue) => pci.notifyBase + pci.notifyOff[queue],
    expect: { rule: "pci-notify-queue", found: /which is no queue's/ },
    also: ["lost-notification"],
  },
  {
    id: "pci-notify-off-of-first-queue",
    what: "every queue is notified at the address of the first",
    on: { machines: PCI, devices: ["console", "net"] },
    plant: ({ pci }) => pci.notifyAddress = () => pci.notifyBase,
    expect: { rule: "pci-notify-queue", found: /offset 0x0 .*which is that of queue 0/ },
    also: ["lost-notification"],
  },
  {
    id: "pci-notify-beyond-structure",
    what: "the notification goes to an address behind the structure",
    on: { machines: PCI },
    plant: ({ pci }) => pci.notifyAddress = (queue) => pci.notifyBase + (queue + 2000) * pci.multiplier,
    expect: { rule: "pci-outside-structures", found: /0xe0008f40/ },
    also: ["lost-notification"],
  },
  {
    id: "pci-notify-32-bit",
    what: "a notification is written as 32 bits, though NOTIFICATION_DATA was not negotiated",
    on: { machines: PCI },
    plant: ({ student }) => {
      const { transport } = student;
      const notify = transport.notify.bind(transport);
      transport.notify = (queue, value) => notify(queue, value, 4);
    },
    expect: { rule: "pci-notify-width", found: /32 bits/ },
  },
  {
    id: "pci-notify-value-of-other-queue",
    what: "the value of a notification is always 0, whatever the queue",
    on: { machines: PCI, devices: ["console"] },
    plant: ({ student }) => {
      const { transport } = student;
      const notify = transport.notify.bind(transport);
      transport.notify = (queue, _value, width) => notify(queue, 0, width);
    },
    expect: { rule: "pci-notify-queue", found: /0x0 \(queue 0\) .*that of queue 1/ },
  },
  {
    id: "pci-status-32-bit",
    what: "the status is written as 32 bits",
    on: { machines: PCI },
    plant: ({ pci }) => pci.setStatus = (value) => pci.write(C.DEVICE_STATUS, 4, value),
    expect: { rule: "pci-access-width", found: /4 bytes at 0x14/ },
  },
  {
    id: "pci-features-8-bit",
    what: "the driver's features are written byte by byte",
    on: { machines: PCI },
    plant: ({ pci }) =>
      pci.accept = (word, value) => {
        pci.write(C.DRIVER_FEATURE_SELECT, 4, word);
        for (let i = 0; i < 4; i++) pci.write(C.DRIVER_FEATURE + i, 1, value >>> 8 * i & 0xff);
      },
    expect: { rule: "pci-access-width", found: /1 byte at 0xc/ },
  },
  {
    id: "pci-queue-size-32-bit",
    what: "queue_size is read as 32 bits",
    on: { machines: PCI },
    plant: ({ pci }) => pci.queueMax = () => pci.read(C.QUEUE_SIZE, 4) & 0xffff,
    expect: { rule: "pci-access-width", found: /4 bytes at 0x18/ },
  },
  {
    id: "pci-num-queues-written",
    what: "the driver writes how many queues it uses to num_queues",
    on: { machines: PCI },
    plant: ({ student, pci }) => before(student, "setUpQueues", () => pci.write(C.NUM_QUEUES, 2, 1)),
    expect: { rule: "pci-read-only", found: /num_queues/ },
  },
  {
    id: "pci-device-feature-written",
    what: "the accepted features are written to device_feature",
    on: { machines: PCI },
    plant: ({ pci }) => {
      pci.accept = (word, value) => {
        pci.write(C.DEVICE_FEATURE_SELECT, 4, word);
        pci.write(C.DEVICE_FEATURE, 4, value);
      };
    },
    expect: { rule: "pci-read-only", found: /device_feature/ },
    also: ["queue-area-allocated", "version-1-accepted"],
  },
  {
    id: "pci-notify-while-setting-up",
    what: "all queues are notified while they are set up",
    on: { machines: PCI, devices: ["console"] },
    plant: ({ student }) =>
      after(student, "setUpQueue", (_, queue) => student.transport.notify(queue, queue, 2)),
    expect: { rule: "notify-after-driver-ok", found: /FEATURES_OK$/ },
  },
  {
    id: "pci-register-gap",
    what: "the driver reads behind the common configuration",
    on: { machines: PCI },
    plant: ({ student, pci }) => before(student, "setUpQueues", () => pci.read(0x7c, 4)),
    expect: { rule: "pci-access-width", found: /4 bytes at 0x7c/ },
  },
  {
    id: "pci-bus-master-off-too-early",
    what: "at the end bus mastering is switched off before the device is reset",
    on: { machines: PCI },
    plant: ({ student, pci }) => {
      before(student, "shutDown", () => pci.fn.write(PciCfg.COMMAND, 2, PciCommand.MEMORY));
      after(student, "startQueues", forgotten);
    },
    expect: { rule: "pci-bus-master", found: /no bus master any more, and the device is live/ },
  },
  {
    id: "pci-window-unaligned",
    what: "the window in configuration space is set to an offset that is no multiple of its length",
    on: { machines: PCI },
    plant: ({ student, pci }) =>
      before(student, "setUpQueues", () => {
        const at = pci.fn.capabilities(9).find((c) => pci.fn.read(c + Cap.CFG_TYPE, 1) === CapCfgType.Pci)!;
        pci.fn.write(at + Cap.BAR, 1, 4);
        pci.fn.write(at + Cap.OFFSET, 4, 0x16);
        pci.fn.write(at + Cap.LENGTH, 4, 4);
        pci.fn.read(at + Cap.EXTRA, 4);
      }),
    expect: { rule: "pci-config-window", found: /bar 4, offset 0x16, length 4/ },
  },
  {
    id: "pci-bars-left-as-sized",
    what: "BARs keep the ones that were written to size them, and the function decodes them",
    on: { machines: PCI },
    plant: ({ pciFunction }) =>
      pciFunction((fn) => {
        const { write } = fn;
        before(fn, "placeBar", () => fn.write = forgotten);
        after(fn, "placeBar", () => fn.write = write);
      }),
    expect: { rule: "pci-bar-address", found: /all ones/ },
  },
  {
    id: "pci-structures-mixed-up",
    what: "the addresses of the ISR and of the notification structure are mixed up",
    on: { machines: PCI },
    plant: ({ pci }) =>
      after(pci, "readCapabilities", () => [pci.isr, pci.notifyBase] = [pci.notifyBase, pci.isr]),
    expect: { rule: "pci-access-width", found: /2 bytes at 0x0 of the ISR/ },
    also: ["lost-notification"],
  },
  {
    id: "pci-bus-master-too-late",
    what: "the function becomes bus master after DRIVER_OK",
    on: { machines: PCI },
    plant: ({ student, pci, pciFunction }) => {
      const { IO, MEMORY, BUS_MASTER, INTX_DISABLE } = PciCommand;
      pciFunction((fn) => fn.commandBits = () => IO | MEMORY | INTX_DISABLE);
      after(
        student,
        "driverOk",
        () => pci.fn.write(PciCfg.COMMAND, 2, IO | MEMORY | INTX_DISABLE | BUS_MASTER),
      );
    },
    expect: { rule: "pci-bus-master", found: /DRIVER_OK was written while COMMAND is 0x403/ },
  },
  {
    id: "pci-vector-without-select",
    what: "the vectors of all queues are written while one queue is selected",
    on: { machines: PCI, devices: ["net"] },
    plant: ({ student, pci }) => {
      const setUp = student.setUpQueues.bind(student);
      pci.assignVector = () => {};
      student.setUpQueues = () => {
        pci.select(1);
        for (const queue of student.queues()) pci.interrupts.assign(queue);
        setUp();
      };
    },
    expect: { rule: "queue-vector-written-twice", found: /written with 2 after 1, both for queue 1/ },
    also: ["stuck-machine", "interrupt-path-open"],
  },
];
