import { configFieldsAt } from "../../../../spec/virtio/config_fields.ts";
import type { Rule } from "../../rule.ts";
import { configOffset } from "../support/config_seen.ts";
import { isConsole } from "./direction.ts";

export const CONSOLE_CONFIG_READ_ONLY: Rule = {
  id: "console-config-read-only",
  clauses: [],
  level: "warning",
  section: "virtio 1.4, 5.3.4",
  title: "Of a console's configuration only emerg_wr is written; the rest is what the device tells",
  hint: "emerg_wr is at offset 8. The size of the terminal is the device's to say: cols and rows, or RESIZE.",
  watch: ({ report }) => ({
    access(access) {
      const { device, write, width, value } = access;
      const offset = configOffset(access);
      if (offset === undefined || !write || !isConsole(device)) return;
      const fields = configFieldsAt(device.virtioId, offset, width).filter((f) => !f.writable);
      if (fields.length === 0) return;
      report({
        device,
        found: `a write of 0x${value.toString(16)} to ${
          fields.map((f) => f.name).join(", ")
        } (byte ${offset})`,
        expected: "reads alone",
      });
    },
  }),
};
