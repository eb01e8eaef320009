import { PciCapId } from "../../../../spec/pci.ts";
import { F, featureNames } from "../../../../spec/virtio/features.ts";
import { VirtioId } from "../../../../spec/virtio/ids.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule, Scene } from "../../rule.ts";
import { capabilitiesOf } from "../pci/_capabilities.ts";
import { facility, reserved } from "./_clauses.ts";
import { hexSet, names } from "./_features.ts";

const range = (first: number, last: number): bigint => (1n << BigInt(last + 1)) - (1n << BigInt(first));
/** Bits of the device types (virtio 1.4, 2.2). */
const DEVICE_BITS = range(0, 23) | range(50, 127);
/** Device types whose bits are all known here. */
const KNOWN_TYPES: readonly number[] = [VirtioId.Net, VirtioId.Console, VirtioId.Rng];
/** Bits of the legacy interface: a transitional device shows them (virtio 1.4, 6.3). */
const LEGACY = F.NOTIFY_ON_EMPTY | F.ANY_LAYOUT | 1n << 30n;
/** Features of PCI alone. */
const PCI_ONLY = F.SR_IOV | F.ADMIN_VQ;

/** Bits of a set that mean nothing for this device: undefined, or of another transport. */
export function foreignBits(features: bigint, device: DeviceModel): bigint {
  let foreign = device.transport === "mmio" ? features & PCI_ONLY : 0n;
  for (let i = 0n; i < 128n; i++) {
    const bit = 1n << i;
    if ((features & bit & ~LEGACY) === 0n) continue;
    if ((bit & DEVICE_BITS) !== 0n && !KNOWN_TYPES.includes(device.virtioId)) continue;
    if (featureNames(bit, device.virtioId)[0].startsWith("bit ")) foreign |= bit;
  }
  return foreign;
}

/** A bit that nobody knows is not accepted, even if it is offered. */
export const FEATURES_KNOWN: Rule = {
  id: "features-known",
  clauses: facility("Feature Bits", 4, 5),
  level: "violation",
  section: "virtio 1.4, 2.2.1",
  title:
    "The driver accepts no feature bit that is undefined, reserved, or not for this device type and transport",
  hint: "Mask the offered bits with those that the driver implements; never write back all that is offered.",
  watch: (scene) => ({
    featuresOk(device) {
      const foreign = foreignBits(device.accepted, device);
      if (foreign !== 0n) reportForeign(scene, device, foreign);
    },
  }),
};

function reportForeign(scene: Scene, device: DeviceModel, foreign: bigint): void {
  scene.report({
    device,
    found: `the driver accepted ${names(foreign, device)}` +
      (device.transport === "mmio" ? " on virtio-mmio" : ""),
    expected: "only features that virtio 1.4 defines for this device and transport",
    evidence: [{ what: "features accepted", value: hexSet(device.accepted) }],
  });
}

/** Virtual functions need their capability. */
export const SR_IOV_CAPABILITY: Rule = {
  id: "sr-iov-capability",
  clauses: reserved(10),
  level: "violation",
  section: "virtio 1.4, 6.1",
  title: "SR_IOV is accepted only of a PCI device with an SR-IOV capability",
  hint: "Look for the extended capability 0x10 of PCI Express before the bit is accepted.",
  watch: (scene) => ({
    featuresOk(device) {
      if ((device.accepted & F.SR_IOV) === 0n || device.transport !== "pci") return;
      const fn = scene.machine.functions.get(device.place);
      // Extended capabilities are beyond the 256 bytes; a function without PCI Express has none.
      if (fn === undefined || capabilitiesOf(fn.config).some((cap) => cap.id === PciCapId.EXPRESS)) return;
      scene.report({
        device,
        found:
          "the driver accepted SR_IOV of a function without PCI Express, which has no extended capabilities",
        expected: "SR_IOV left out",
        evidence: [{ what: "features accepted", value: hexSet(device.accepted) }],
      });
    },
  }),
};
