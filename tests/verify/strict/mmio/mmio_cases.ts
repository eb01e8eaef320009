import { MmioReg as R } from "../../../../spec/virtio/mmio.ts";
import { MMIO_ACK_DEFINED, MMIO_ACK_SEEN } from "../../../../verify/strict/rules/mmio/interrupts.ts";
import { MMIO_NOT_A_DEVICE, MMIO_PROBE_ORDER } from "../../../../verify/strict/rules/mmio/probe.ts";
import { MMIO_QUEUE_STOPPED } from "../../../../verify/strict/rules/mmio/queue_stop.ts";
import {
  MMIO_ACCESS_WIDTH,
  MMIO_KNOWN_OFFSET,
  MMIO_READ_ONLY,
  MMIO_SHARED_MEMORY,
  MMIO_WRITE_ONLY,
} from "../../../../verify/strict/rules/mmio/registers.ts";
import { type Bench, type Case, MMIO } from "../basic/_bench.ts";

/** The first window, and the one with the device (the last that the machine fills). */
const FIRST = 0xfeb0_0000, DEVICE = 0xfeb0_0e00;

function window(b: Bench, base: number): Bench {
  b.mmio.base = base;
  return b;
}
/** A window that answers so to a look at what it is. */
function looks(b: Bench, magic: number, version: number, id: number): void {
  window(b, DEVICE);
  b.says(R.MAGIC_VALUE, 4, magic);
  b.says(R.VERSION, 4, version);
  b.says(R.DEVICE_ID, 4, id);
}
const MAGIC = 0x7472_6976;

/** virtio over MMIO. */
export const MMIO_CASES: readonly Case[] = ([
  {
    rule: MMIO_PROBE_ORDER,
    what: "the device id first",
    steps: (b) => void window(b, FIRST).mmio.read(R.DEVICE_ID),
    found: "device_id of the window at 0xfeb00000 was read before MagicValue and Version",
    expected: "MagicValue and Version read and checked before DeviceID",
  },
  {
    rule: MMIO_PROBE_ORDER,
    what: "the version is left out",
    steps: (b) => {
      window(b, FIRST).mmio.read(R.MAGIC_VALUE);
      b.mmio.read(R.DEVICE_ID);
    },
    found: "device_id of the window at 0xfeb00000 was read before Version",
  },
  {
    rule: MMIO_PROBE_ORDER,
    what: "a reset before the device id",
    steps: (b) => {
      window(b, FIRST).mmio.read(R.MAGIC_VALUE);
      b.mmio.read(R.VERSION);
      b.mmio.write(R.STATUS, 0);
    },
    found: "status of the window at 0xfeb00000 was written before DeviceID",
    expected: "MagicValue, Version and DeviceID read before other registers",
  },
  {
    rule: MMIO_NOT_A_DEVICE,
    what: "an empty window is reset",
    steps: (b) => {
      window(b, FIRST).mmio.matches(4);
      b.mmio.write(R.STATUS, 0);
    },
    found: "status of the window at 0xfeb00000 was written although DeviceID is 0",
    expected: "no access to a window without a device",
  },
  {
    rule: MMIO_NOT_A_DEVICE,
    what: "another magic value",
    steps: (b) => {
      looks(b, 0x1234, 2, 4);
      b.mmio.read(R.STATUS);
    },
    found: "status of the window at 0xfeb00e00 was read although MagicValue is 0x1234",
    expected: "0x74726976, or no further access",
  },
  {
    rule: MMIO_NOT_A_DEVICE,
    what: "a version of the future",
    steps: (b) => {
      looks(b, MAGIC, 3, 4);
      b.mmio.write(R.STATUS, 0);
    },
    found: "status of the window at 0xfeb00e00 was written although Version is 3",
    expected: "version 2, or no further access",
  },
  {
    rule: MMIO_NOT_A_DEVICE,
    what: "version 1, driven as version 2",
    steps: (b) => {
      looks(b, MAGIC, 1, 4);
      for (const status of [0, 1, 3, 11]) b.mmio.write(R.STATUS, status);
    },
    found: "status of the window at 0xfeb00e00 was written although Version is 1",
  },
  {
    rule: MMIO_ACCESS_WIDTH,
    what: "the status with 8 bits",
    steps: (b) => void b.upTo("reset").mmio.read(R.STATUS, 1),
    found: "a read of 1 byte at 0x70 (status)",
    expected: "4 bytes at 0x70",
  },
  {
    rule: MMIO_ACCESS_WIDTH,
    what: "a notification of 16 bits",
    steps: (b) => b.upTo("live").mmio.write(R.QUEUE_NOTIFY, 0, 2),
    found: "a write of 2 bytes at 0x50 (queue_notify)",
  },
  {
    rule: MMIO_KNOWN_OFFSET,
    what: "a register of the legacy interface",
    steps: (b) => b.upTo("confirm").mmio.write(0x28, 4096),
    found: "a write (0x1000) at offset 0x28, which is GuestPageSize of the legacy interface",
    expected: "a register of virtio-mmio version 2",
  },
  {
    rule: MMIO_KNOWN_OFFSET,
    what: "an offset that is nothing",
    steps: (b) => void b.upTo("confirm").mmio.read(0x88),
    found: "a read (0x0) at offset 0x88",
  },
  {
    rule: MMIO_READ_ONLY,
    what: "DeviceFeatures is written",
    steps: (b) => b.upTo("acknowledge").mmio.write(R.DEVICE_FEATURES, 1),
    found: "device_features was written with 0x1",
    expected: "no write to a read-only register",
  },
  {
    rule: MMIO_READ_ONLY,
    what: "InterruptStatus is written, as on PCI bits are cleared",
    steps: (b) => b.upTo("live").mmio.write(R.INTERRUPT_STATUS, 1),
    found: "interrupt_status was written with 0x1",
  },
  {
    rule: MMIO_WRITE_ONLY,
    what: "a queue's address is read back",
    steps: (b) => void b.upTo("queues").mmio.read(R.QUEUE_DESC_LOW),
    found: "queue_desc_low was read (0x0)",
    expected: "no read of a write-only register",
  },
  {
    rule: MMIO_SHARED_MEMORY,
    what: "the length of a shared memory region of an entropy device",
    steps: (b) => void b.upTo("confirm").mmio.read(R.SHM_LEN_LOW),
    found: "shm_len_low was read (0xffffffff)",
    expected: "no access: this device type has no shared memory",
  },
  {
    rule: MMIO_ACK_DEFINED,
    what: "all ones are acknowledged",
    steps: (b) => b.upTo("live").mmio.write(R.INTERRUPT_ACK, 0xffff_ffff),
    found: "interrupt_ack was written with 0xffffffff",
    expected: "no bits but 0x3",
  },
  {
    rule: MMIO_ACK_SEEN,
    what: "both bits are acknowledged, and one was read",
    steps: (b) => {
      b.upTo("live").says(R.INTERRUPT_STATUS, 4, 1);
      b.mmio.write(R.INTERRUPT_ACK, 3);
    },
    found:
      "interrupt_ack was written with 0x3, and bit 0x2 was not read as set in interrupt_status since the " +
      "last acknowledgement",
    expected: "the bits that interrupt_status showed",
  },
  {
    rule: MMIO_QUEUE_STOPPED,
    what: "rings are freed before QueueReady was read back",
    steps: (b) => {
      b.upTo("live").mmio.select(0);
      b.mmio.write(R.QUEUE_READY, 0);
      b.student.ground.alloc.live().find((m) => m.owner.endsWith("avail"))!.free();
    },
    found:
      "available ring of queue 0 was freed (38 bytes at 0x101000) after QueueReady was written with 0, " +
      "which was not read back",
    expected: "QueueReady read as 0 first",
  },
  {
    rule: MMIO_QUEUE_STOPPED,
    what: "a ring is cleared while QueueReady still reads 1",
    steps: (b) => {
      b.upTo("live").mmio.select(0);
      b.mmio.write(R.QUEUE_READY, 0);
      b.says(R.QUEUE_READY, 4, 1);
      const { memory } = b.student.rings[0];
      memory.fill(b.student.rings[0].areas().desc, 16, 0);
    },
    found:
      "descriptor table of queue 0 was written (16 bytes at 0x100000) after QueueReady was written with 0, " +
      "which was not read back",
  },
] satisfies readonly Case[]).map((c: Case) => ({ on: MMIO, ...c }));
