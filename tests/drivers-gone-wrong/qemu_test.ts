/** Rules on the driver's side speak of a driver on the real QEMU, too: one mistake for each. */
import { assertEquals } from "@std/assert";
import { RULES } from "../../verify/strict/mod.ts";
import { sampled } from "../support/once.ts";
import { qemuTestOnce } from "../support/qemu.ts";
import { Hands, type Mistake, settingsOf } from "./mistake.ts";
import { MISTAKES } from "./mistakes/mod.ts";
import { qemuWorld } from "./qemu_world.ts";
import { settingName } from "./setting.ts";
import { drive } from "./world.ts";

/** Milliseconds after which a driver that waits is stuck. */
const PATIENCE = 100;

/** Rules that need more than a driver's side, or a device that takes its time; QEMU's is done before its driver looks. */
const NOT_HERE: readonly string[] = [
  "pci-interrupt-acknowledged",
  "mmio-interrupt-acknowledged",
  "mmio-ack-defined",
  "mmio-ack-seen",
  "msix-isr-read",
  "msix-message",
  "interrupt-path-open",
  "interrupt-asked-in-vain",
  "interrupts-without-look",
  "packed-no-room",
  "console-port-open",
  // Cards with more than one pair of queues need another back end.
  "net-ctrl-pairs-queues",
  "net-tx-pair",
];
/** Mistakes that make QEMU 7.2 hang, and one that shows only with a device that takes its time. */
const NOT_THESE: readonly string[] = [
  "split-length-negative",
  "packed-next-on-last",
  "split-used-taken-unseen",
];
/** Properties that QEMU 7.2 does not have. */
const OURS = /notification_data|in_order|x-/;

function chosen(): Mistake[] {
  const seen = new Set<string>(NOT_HERE);
  return MISTAKES.filter((m) => {
    if (m.on.restless === true || OURS.test(m.on.props ?? "") || NOT_THESE.includes(m.id)) return false;
    if (seen.has(m.expect.rule) || m.expect.rule === "stuck-machine") return false;
    seen.add(m.expect.rule);
    return true;
  });
}

for (const mistake of sampled(chosen(), 3)) {
  const [setting] = settingsOf(mistake);
  const { rule, found } = mistake.expect;
  qemuTestOnce(`${rule} on QEMU (${settingName(setting)}): ${mistake.what}`, async () => {
    const world = await qemuWorld(setting, RULES, PATIENCE);
    try {
      if (mistake.on.input !== undefined) await world.type(mistake.on.input);
      mistake.plant(new Hands(world.student));
      const { reports } = drive(world);
      const hit = reports.some((r) => r.rule === rule && (found === undefined || found.test(r.found)));
      assertEquals(
        hit ? "" : reports.map((r) => `${r.rule}: ${r.found}`).join("\n") || "no report",
        "",
        mistake.id,
      );
    } finally {
      await world.close();
    }
  });
}
