import { ConsoleConfig } from "../../../../spec/virtio/console.ts";
import { ConsoleF } from "../../../../spec/virtio/features.ts";
import type { Rule } from "../../rule.ts";
import { ConfigSeen } from "../support/config_seen.ts";
import { watchExisting } from "../support/queue_exists.ts";
import { isConsole } from "./direction.ts";

export const CONSOLE_QUEUE_EXISTS: Rule = {
  id: "console-queue-exists",
  clauses: [],
  level: "violation",
  section: "virtio 1.4, 5.3.2",
  title: "A console has queues 0 and 1; those for control messages and further ports come with MULTIPORT",
  hint: "With MULTIPORT port 1 has queues 4 and 5, port 2 has 6 and 7; 2 and 3 are for control messages.",
  watch(scene) {
    const config = new ConfigSeen();
    return {
      access: (access) => config.access(access),
      ...watchExisting(scene, ({ device, index }) => {
        if (!isConsole(device)) return undefined;
        if (!device.has(ConsoleF.MULTIPORT)) {
          return { exists: index <= 1, which: "queues 0 and 1, as MULTIPORT was not negotiated" };
        }
        const bytes = config.read(device, ConsoleConfig.MAX_NR_PORTS, 4);
        if (bytes === undefined) return undefined;
        const ports = new DataView(bytes.buffer).getUint32(0, true);
        return {
          exists: index < 2 + 2 * ports,
          which: `queues 0 to ${1 + 2 * ports}, as max_nr_ports is ${ports}`,
        };
      }),
    };
  },
};
