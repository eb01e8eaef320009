import { F, featureWord, NetF } from "../../../../spec/virtio/features.ts";
import { CommonCfg as C } from "../../../../spec/virtio/pci.ts";
import { MmioReg as R } from "../../../../spec/virtio/mmio.ts";
import {
  FEATURE_SELECT_USED,
  FEATURE_WORD_SELECTED,
} from "../../../../verify/strict/rules/basic/feature_select.ts";
import {
  FEATURES_CONSISTENT,
  FEATURES_OFFERED,
  FEATURES_READ,
  VERSION_1_ACCEPTED,
} from "../../../../verify/strict/rules/basic/features.ts";
import { FEATURES_GIVEN_UP } from "../../../../verify/strict/rules/basic/features_given_up.ts";
import {
  FEATURES_AFTER_DRIVER,
  FEATURES_CONFIRMED,
  FEATURES_FROZEN,
  FEATURES_REFUSED,
  QUEUE_AFTER_FEATURES,
  QUEUE_BEFORE_DRIVER_OK,
} from "../../../../verify/strict/rules/basic/features_steps.ts";
import {
  FEATURES_KNOWN,
  SR_IOV_CAPABILITY,
} from "../../../../verify/strict/rules/basic/reserved_features.ts";
import { type Bench, type Case, MMIO, PCI } from "./_bench.ts";

/** The driver accepts this set, and says FEATURES_OK. */
function accept(b: Bench, features: bigint): void {
  b.upTo("negotiate").student.writeAccepted(features);
  b.transport.setStatus(11);
}
/** A device that offers this set, whatever the machine's does. */
function offered(b: Bench, features: bigint): void {
  b.upTo("acknowledge");
  for (const word of [0, 1]) {
    b.transport.offered(word);
    const value = featureWord(features, word);
    if (b.isPci) b.says(C.DEVICE_FEATURE, 4, value);
    else b.says(R.DEVICE_FEATURES, 4, value);
  }
}
const select = (b: Bench, word: number) =>
  b.isPci ? b.store(C.DRIVER_FEATURE_SELECT, 4, word) : b.store(R.DRIVER_FEATURES_SEL, 4, word);
const write = (b: Bench, value: number) =>
  b.isPci ? b.store(C.DRIVER_FEATURE, 4, value) : b.store(R.DRIVER_FEATURES, 4, value);

/** Feature bits: what may be accepted, when, and how they are written. */
export const FEATURES_CASES: readonly Case[] = [
  {
    rule: FEATURES_OFFERED,
    what: "IN_ORDER, which is not offered",
    steps: (b) => accept(b, F.VERSION_1 | F.IN_ORDER),
    found: "the driver accepted IN_ORDER, which the device does not offer",
  },
  {
    rule: FEATURES_READ,
    what: "features of a word that was not read",
    steps: (b) => {
      b.upTo("acknowledge").student.writeAccepted(F.EVENT_IDX | F.VERSION_1);
      b.transport.setStatus(11);
    },
    found: "the driver accepted EVENT_IDX of feature word 0, which it has not read",
    expected: "feature word 0 selected and read first",
  },
  {
    rule: FEATURES_CONSISTENT,
    what: "CTRL_RX without CTRL_VQ",
    on: [{ machine: "q35", device: "net" }, { machine: "microvm", device: "net" }],
    steps: (b) => accept(b, F.VERSION_1 | NetF.CTRL_RX),
    found: "the driver accepted CTRL_RX, VERSION_1",
    expected: "CTRL_RX needs CTRL_VQ",
  },
  {
    rule: FEATURES_CONSISTENT,
    what: "RING_PACKED without VERSION_1",
    on: [{ machine: "q35", ring: "packed" }, { machine: "microvm", ring: "packed" }],
    steps: (b) => accept(b, F.RING_PACKED),
    found: "the driver accepted RING_PACKED",
    expected: "RING_PACKED needs VERSION_1",
  },
  {
    rule: FEATURES_KNOWN,
    what: "a bit that means nothing, though it is offered",
    steps: (b) => {
      offered(b, F.VERSION_1 | 1n << 44n | 1n << 5n);
      b.student.writeAccepted(F.VERSION_1 | 1n << 44n | 1n << 5n);
      b.transport.setStatus(11);
    },
    found: {
      pci: "the driver accepted bit 5, bit 44",
      mmio: "the driver accepted bit 5, bit 44 on virtio-mmio",
    },
    expected: "only features that virtio 1.4 defines for this device and transport",
  },
  {
    rule: FEATURES_KNOWN,
    what: "SR_IOV on MMIO",
    on: MMIO,
    steps: (b) => {
      offered(b, F.VERSION_1 | F.SR_IOV);
      b.student.writeAccepted(F.VERSION_1 | F.SR_IOV);
      b.transport.setStatus(11);
    },
    found: "the driver accepted SR_IOV on virtio-mmio",
  },
  {
    rule: SR_IOV_CAPABILITY,
    what: "SR_IOV of a conventional function",
    on: PCI,
    steps: (b) => accept(b, F.VERSION_1 | F.SR_IOV),
    found: "the driver accepted SR_IOV of a function without PCI Express, which has no extended capabilities",
  },
  {
    rule: VERSION_1_ACCEPTED,
    what: "VERSION_1 is offered and left out",
    steps: (b) => accept(b, F.EVENT_IDX),
    found: "the driver accepted EVENT_IDX, without VERSION_1",
  },
  {
    rule: VERSION_1_ACCEPTED,
    what: "the second word is never looked at",
    steps: (b) => {
      b.upTo("acknowledge").transport.accept(0, b.transport.offered(0) & 0);
      b.transport.setStatus(11);
    },
    found: "the driver accepted none, without VERSION_1, and has not read the second word of features",
  },
  {
    rule: FEATURE_WORD_SELECTED,
    what: "a word is read that was not selected",
    steps: (b) => {
      b.upTo("acknowledge");
      if (b.isPci) b.load(C.DEVICE_FEATURE, 4);
      else b.load(R.DEVICE_FEATURES, 4);
    },
    found: {
      pci: "device_feature was read (0x30000000), and no word was ever selected",
      mmio: "device_features was read (0x30000000), and no word was ever selected",
    },
  },
  {
    rule: FEATURE_SELECT_USED,
    what: "both selections come before the accesses",
    steps: (b) => {
      b.upTo("acknowledge");
      select(b, 0);
      select(b, 1);
      write(b, 0);
    },
    found: {
      pci: "word 0 was selected, and then word 1 before driver_feature was written",
      mmio: "word 0 was selected, and then word 1 before driver_features was written",
    },
    expected: "the selection of a word, its access, then the next selection",
  },
  {
    rule: FEATURE_SELECT_USED,
    what: "two words are written to one",
    steps: (b) => {
      b.upTo("acknowledge");
      select(b, 0);
      write(b, 0x1000);
      write(b, 1);
    },
    found: {
      pci: "driver_feature was written with 0x1 after 0x1000, both as word 0",
      mmio: "driver_features was written with 0x1 after 0x1000, both as word 0",
    },
  },
  {
    rule: FEATURES_GIVEN_UP,
    what: "FAILED after two looks at the same word",
    steps: (b) => {
      b.upTo("acknowledge");
      b.transport.offered(0);
      b.transport.offered(0);
      b.transport.setStatus(0x83);
    },
    found: "FAILED was written, and of the offered features word 1 was never read",
    expected: "words 0 and 1 read before the driver decides",
  },
  {
    rule: FEATURES_AFTER_DRIVER,
    what: "features before DRIVER",
    steps: (b) => b.upTo("reset").transport.accept(1, 1),
    found: {
      pci: "driver_feature was written with 0x1 while the status is 0",
      mmio: "driver_features was written with 0x1 while the status is 0",
    },
    expected: "DRIVER set in the status first",
  },
  {
    rule: FEATURES_FROZEN,
    what: "a feature is given up after FEATURES_OK",
    steps: (b) => b.upTo("confirm").transport.accept(1, 0),
    found: {
      pci: "driver_feature was written with 0x0 after FEATURES_OK; word 1 was 0x101",
      mmio: "driver_features was written with 0x0 after FEATURES_OK; word 1 was 0x101",
    },
    expected: "no change, or a reset first",
  },
  {
    rule: FEATURES_CONFIRMED,
    what: "FEATURES_OK is not read back",
    steps: (b) => {
      b.upTo("negotiate").transport.setStatus(11);
      b.transport.select(0);
      b.transport.setSize(8);
      b.transport.enableQueue();
    },
    found: {
      pci: "queue_size was written with 0x8 and the status was not read after FEATURES_OK",
      mmio: "queue_num was written with 0x8 and the status was not read after FEATURES_OK",
    },
    expected: "FEATURES_OK read back as set",
  },
  {
    rule: FEATURES_REFUSED,
    what: "the device refuses, and the driver goes on",
    on: [{ machine: "q35", props: "disable-legacy=on,iommu_platform=on" }, {
      machine: "microvm",
      props: "iommu_platform=on",
    }],
    steps: (b) => {
      b.upTo("negotiate").transport.setStatus(11);
      b.transport.status();
      b.student.openInterrupts();
      b.student.setUpQueues();
    },
    found: {
      pci: "queue_size was written with 0x8 after FEATURES_OK was read back as clear",
      mmio: "queue_num was written with 0x10 after FEATURES_OK was read back as clear",
    },
    expected: "FAILED, or 0, written to the status",
  },
  {
    rule: QUEUE_AFTER_FEATURES,
    what: "a queue before FEATURES_OK",
    steps: (b) => {
      b.upTo("negotiate").student.openInterrupts();
      b.student.setUpQueues();
    },
    found: {
      pci: "queue_size was written with 0x8 for queue 0 before FEATURES_OK",
      mmio: "queue_num was written with 0x10 for queue 0 before FEATURES_OK",
    },
    expected: "FEATURES_OK set and read back first",
  },
  {
    rule: QUEUE_BEFORE_DRIVER_OK,
    what: "a queue after DRIVER_OK",
    steps: (b) => {
      b.upTo("confirm").transport.setStatus(15);
      b.student.openInterrupts();
      b.student.setUpQueues();
    },
    found: {
      pci: "queue_enable was written with 0x1 for queue 0 after DRIVER_OK",
      mmio: "queue_ready was written with 0x1 for queue 0 after DRIVER_OK",
    },
    expected: "the queue enabled before DRIVER_OK",
  },
];
