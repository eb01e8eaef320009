import { NetConfig } from "../../../../spec/virtio/net.ts";
import { featureNames, NetF } from "../../../../spec/virtio/features.ts";
import { VirtioId } from "../../../../spec/virtio/ids.ts";
import { configFieldsAt } from "../../../../spec/virtio/config_fields.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Rule } from "../../rule.ts";
import { configOffset } from "../support/config_seen.ts";
import { isNet, NetQueues } from "./queues.ts";
import { hex } from "./tx_rule.ts";

const CONFIG = "drivernormative:Device Types / Network Device / Device configuration layout";
const SECTION = "virtio 1.4, 5.1.4.2";

export const NET_CONFIG_READ_ONLY: Rule = {
  id: "net-config-read-only",
  clauses: [`${CONFIG}#1`],
  level: "violation",
  section: SECTION,
  title: "The configuration of a network card is not written",
  hint:
    "Another MAC address is set with the command MAC_ADDR_SET; only the legacy interface let drivers write mac.",
  watch: ({ report }) => ({
    access(access) {
      const offset = configOffset(access);
      if (offset === undefined || !access.write || !isNet(access.device)) return;
      const names = configFieldsAt(VirtioId.Net, offset, access.width).map((f) => f.name).join(", ");
      report({
        device: access.device,
        found: `a write of ${hex(access.value)} to configuration byte ${offset}${
          names === "" ? "" : ` (${names})`
        }`,
        expected: "reads alone",
      });
    },
  }),
};

/** Offered, and to be taken. */
const WANTED = NetF.MAC | NetF.MTU | NetF.STANDBY;

export const NET_FEATURES_WANTED: Rule = {
  id: "net-features-wanted",
  clauses: [`${CONFIG}#2`, `${CONFIG}#7`, `${CONFIG}#10`],
  level: "warning",
  section: SECTION,
  title: "MAC, MTU and STANDBY are accepted where the device offers them",
  hint:
    "Without MAC the card has an address that its network does not know; without MTU frames may be too long for it.",
  watch: ({ report }) => ({
    featuresOk(device) {
      const missing = device.offered & WANTED & ~device.accepted;
      if (!isNet(device) || missing === 0n) return;
      const names = featureNames(missing, VirtioId.Net).join(", ");
      report({ device, found: `${names}: offered and not accepted`, expected: "accepted" });
    },
  }),
};

const NEED_CONTROL = NetF.HASH_REPORT | NetF.CTRL_RX_EXTRA;

export const NET_FEATURES_CONTROL: Rule = {
  id: "net-features-control",
  clauses: [`${CONFIG}#13`, `${CONFIG}#14`],
  level: "warning",
  section: SECTION,
  title: "HASH_REPORT and CTRL_RX_EXTRA are accepted only with CTRL_VQ, which carries their commands",
  hint: "Accept CTRL_VQ, too, or neither.",
  watch: ({ report }) => ({
    featuresOk(device) {
      const alone = device.accepted & NEED_CONTROL;
      if (!isNet(device) || alone === 0n || (device.accepted & NetF.CTRL_VQ) !== 0n) return;
      const names = featureNames(alone, VirtioId.Net).join(", ");
      report({ device, found: `${names} accepted without CTRL_VQ`, expected: "CTRL_VQ beside them" });
    },
  }),
};

export const NET_STATUS_READ: Rule = {
  id: "net-status-read",
  clauses: [`${CONFIG}#6`],
  level: "warning",
  section: SECTION,
  title: "With STATUS the link's state is read from the configuration",
  hint:
    "Bit 0 of status (configuration byte 6) says whether the link is up; frames sent while it is down are lost.",
  watch({ report }) {
    const queues = new NetQueues();
    const sent = new Map<DeviceModel, number>();
    return {
      access: (access) => queues.access(access),
      published(queue) {
        const { device } = queue;
        if (device.has(NetF.STATUS) && queues.kindOf(queue) === "transmit") {
          sent.set(device, (sent.get(device) ?? 0) + 1);
        }
      },
      end() {
        for (const [device, frames] of sent) {
          if (queues.config.read(device, NetConfig.STATUS, 1) !== undefined) continue;
          report({
            device,
            found: `${frames} frames were sent, status was never read`,
            expected: "a look at bit 0 of status",
          });
        }
      },
    };
  },
};
