import { generalBarrier, readBarrier, writeBarrier } from "../../../arch/barrier.ts";
import { DESC_SIZE } from "../../../spec/virtio/split.ts";
import { F, featureWord, NetF } from "../../../spec/virtio/features.ts";
import { DeviceStatus as S } from "../../../spec/virtio/status.ts";
import { CommonCfg as C } from "../../../spec/virtio/pci.ts";
import { MmioReg as R } from "../../../spec/virtio/mmio.ts";
import { after, before, type Mistake, MMIO, PCI } from "../mistake.ts";

/** What is negotiated (virtio 1.4, 2.2, 6). */
export const FEATURES: readonly Mistake[] = [
  {
    id: "features-not-offered",
    what: "the driver takes IN_ORDER, which the device does not offer",
    on: {},
    plant: ({ student }) =>
      after(student, "negotiate", () => student.writeAccepted(student.accepted | F.IN_ORDER)),
    expect: { rule: "features-offered", found: /accepted IN_ORDER/ },
  },
  {
    id: "features-offer-not-read",
    what: "the driver never reads what the device offers, and takes what it always takes",
    on: { devices: ["net"] },
    plant: ({ net }) => net.readOffered = () => net.wants,
    expect: { rule: "features-read-first", found: /feature word 0, which it has not read/ },
    also: ["config-field-offered"],
  },
  {
    id: "features-reserved-bit",
    what: "all bits of the second word are taken",
    on: {},
    plant: ({ student }) => after(student, "negotiate", () => student.transport.accept(1, 0xffff_ffff)),
    expect: { rule: "features-known", found: /bit 42, bit 44/ },
    also: ["features-offered", "sr-iov-capability"],
  },
  {
    id: "features-without-version-1",
    what: "VERSION_1 is offered and not taken",
    on: { rings: ["split"] },
    plant: ({ student }) =>
      after(student, "negotiate", () => student.writeAccepted(student.accepted & ~F.VERSION_1)),
    expect: { rule: "version-1-accepted", found: /without VERSION_1/ },
  },
  {
    id: "features-packed-without-version-1",
    what: "RING_PACKED is taken without VERSION_1",
    on: { rings: ["packed"] },
    plant: ({ student }) =>
      after(student, "negotiate", () => student.writeAccepted(student.accepted & ~F.VERSION_1)),
    expect: { rule: "features-consistent", found: /RING_PACKED/ },
    also: ["version-1-accepted"],
  },
  {
    id: "features-second-word-forgotten",
    what: "only the first word of the features is written",
    on: { rings: ["split"], eventIdx: true },
    plant: ({ student }) =>
      student.writeAccepted = (features) => student.transport.accept(0, featureWord(features, 0)),
    expect: { rule: "version-1-accepted", found: /accepted EVENT_IDX, without VERSION_1/ },
  },
  {
    id: "features-selector-forgotten-pci",
    what: "both words are written to the first: the selector is never moved",
    on: { machines: PCI },
    plant: ({ pci }) => pci.accept = (_word, value) => pci.write(C.DRIVER_FEATURE, 4, value),
    expect: { rule: "feature-select-used", found: /after 0x0, both as word 0/ },
    also: [
      "feature-word-selected",
      "features-known",
      "features-offered",
      "queue-area-allocated",
      "version-1-accepted",
    ],
  },
  {
    id: "features-selector-forgotten-mmio",
    what: "DriverFeatures is written without DriverFeaturesSel before it",
    on: { machines: MMIO },
    plant: ({ mmio }) => mmio.accept = (_word, value) => mmio.write(R.DRIVER_FEATURES, value),
    expect: {
      rule: "feature-word-selected",
      found: /driver_features was written .*no word was ever selected/,
    },
    also: [
      "feature-select-used",
      "features-known",
      "features-offered",
      "queue-area-allocated",
      "version-1-accepted",
    ],
  },
  {
    id: "features-read-without-selector",
    what: "DeviceFeatures is read without DeviceFeaturesSel before it",
    on: { machines: MMIO },
    plant: ({ mmio }) => {
      let first = true;
      mmio.offered = (word) => {
        if (!first) mmio.write(R.DEVICE_FEATURES_SEL, word);
        first = false;
        return mmio.read(R.DEVICE_FEATURES);
      };
    },
    expect: { rule: "feature-word-selected", found: /device_features was read .*no word was ever selected/ },
  },
  {
    id: "features-needed-one-missing",
    what: "a network driver takes CTRL_RX without CTRL_VQ",
    on: { devices: ["net"] },
    plant: ({ student }) => student.choose = (offered) => offered & student.wants & ~NetF.CTRL_VQ,
    expect: { rule: "features-consistent", found: /CTRL_RX/ },
  },
  {
    id: "features-refused-and-ignored",
    what: "the device refuses FEATURES_OK, for it needs ACCESS_PLATFORM, and the driver goes on",
    on: { machines: PCI, props: "disable-legacy=on,iommu_platform=on" },
    plant: ({ student }) =>
      student.confirmFeatures = () => {
        student.addStatus(S.FEATURES_OK);
        student.transport.status();
      },
    expect: { rule: "features-refused", found: /after FEATURES_OK was read back as clear/ },
  },
  {
    id: "features-in-order-not-kept",
    what: "IN_ORDER was negotiated, and chains take descriptors as they are free",
    on: { rings: ["split"], props: "in_order=on", wants: F.IN_ORDER },
    plant: ({ rng, split }) => {
      rng.requests = [[16, 16], [16], [16, 16]];
      split((r) => after(r, "allocate", () => r.freeList.reverse()));
    },
    expect: { rule: "split-in-order-next", found: /next of descriptor (7 is 6|15 is 14)/ },
  },
  {
    id: "features-in-order-table",
    what: "IN_ORDER was negotiated, and an indirect table is not filled from its start on",
    on: { rings: ["split"], indirect: true, props: "in_order=on", wants: F.IN_ORDER },
    plant: ({ rng, split }) => {
      rng.requests = [[16, 16, 16]];
      split((r) =>
        after(r, "writeTable", (table, pieces) => {
          const at = (i: number) => table.offset + i * DESC_SIZE;
          [0, 2, 1].forEach((entry, i) => {
            const next = [2, 1, 0][i];
            r.writeDescriptor(at(entry), pieces[i], 16, next, r.flagsOf(pieces[i], i < 2));
          });
        })
      );
    },
    expect: { rule: "split-in-order-table", found: /entry 2 .* at place 1/ },
  },
  {
    id: "features-order-platform-ignored",
    what: "ORDER_PLATFORM was negotiated, and barriers are those between CPUs",
    on: { props: "x-order-platform=on", wants: F.ORDER_PLATFORM },
    plant: ({ ring }) =>
      ring((r) => {
        r.barrierBeforePublish = () => writeBarrier(r.memory, false);
        r.barrierBeforeKick = () => generalBarrier(r.memory, false);
        r.barrierAfterUsed = () => readBarrier(r.memory, false);
      }),
    expect: { rule: "order-platform-barriers" },
  },
  {
    id: "features-sr-iov",
    what: "SR_IOV is taken of a function that has no such capability",
    on: { machines: PCI },
    plant: ({ student }) =>
      after(student, "negotiate", () => student.writeAccepted(student.accepted | F.SR_IOV)),
    expect: { rule: "sr-iov-capability", found: /accepted SR_IOV/ },
    also: ["features-offered"],
  },
  {
    id: "features-word-1-not-read",
    what: "the driver gives the device up as a legacy one, and has read the first word of its features alone",
    on: {},
    plant: ({ student }) => {
      student.readOffered = () => BigInt(student.transport.offered(0));
      before(student, "choose", () => student.addStatus(S.FAILED));
    },
    expect: { rule: "features-given-up", found: /word 1 was never read/ },
  },
];
