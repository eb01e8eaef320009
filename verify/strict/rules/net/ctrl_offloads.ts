import { featureNames, NetF } from "../../../../spec/virtio/features.ts";
import { VirtioId } from "../../../../spec/virtio/ids.ts";
import { NetCtrl } from "../../../../spec/virtio/net.ts";
import { controlRule } from "./ctrl_rule.ts";

/** Bits of the command that are not the feature's own number (virtio 1.4, 5.1.6.5.8.1). */
const MOVED: readonly (readonly [bit: bigint, feature: bigint])[] = [
  [1n << 46n, NetF.GUEST_UDP_TUNNEL_GSO],
  [1n << 47n, NetF.GUEST_UDP_TUNNEL_GSO_CSUM],
];
const OFFLOADS = NetF.GUEST_CSUM | NetF.GUEST_TSO4 | NetF.GUEST_TSO6 | NetF.GUEST_ECN | NetF.GUEST_UFO |
  NetF.GUEST_USO4 | NetF.GUEST_USO6;

export const NET_CTRL_OFFLOADS = controlRule(
  {
    id: "net-ctrl-offloads",
    clauses: [
      "drivernormative:Device Types / Network Device / Device Operation / Control Virtqueue / " +
      "Offloads State Configuration / Setting Offloads State#1",
    ],
    level: "violation",
    section: "virtio 1.4, 5.1.6.5.8.1",
    title: "Only offloads whose features were negotiated are switched on",
    hint: "The command takes the bits of GUEST_* features, at most those that were accepted.",
  },
  ({ command, device }) => {
    if (command.kind !== NetCtrl.GUEST_OFFLOADS || command.data.length < 8) return undefined;
    const view = new DataView(command.data.buffer, command.data.byteOffset, 8);
    const asked = view.getBigUint64(0, true);
    let allowed = device.negotiated & OFFLOADS;
    for (const [bit, feature] of MOVED) if (device.has(feature)) allowed |= bit;
    const wrong = asked & ~allowed;
    if (wrong === 0n) return undefined;
    return {
      found: `offloads 0x${asked.toString(16)}`,
      expected: `nothing but 0x${allowed.toString(16)}; not negotiated: ${
        featureNames(wrong, VirtioId.Net).join(", ")
      }`,
    };
  },
);
