/** Other ways to be right on the real QEMU: each once, on a machine of those where it applies. */
import { assertEquals } from "@std/assert";
import { terminalReport } from "../../verify/strict/format/mod.ts";
import { RULES } from "../../verify/strict/mod.ts";
import { sampled } from "../support/once.ts";
import { qemuTestOnce } from "../support/qemu.ts";
import { LEGAL } from "./legal/mod.ts";
import { Hands, settingsOf } from "./mistake.ts";
import { qemuWorld } from "./qemu_world.ts";
import { type Setting, settingName } from "./setting.ts";
import { drive } from "./world.ts";

/** What QEMU 7.2 does not have. */
const isOurs = (s: Setting): boolean =>
  s.restless === true || /notification_data|in_order|x-/.test(s.props ?? "");

/** Tens of thousands of requests: too long over qtest. */
const LONG: readonly string[] = ["linux-used-event-zero-for-long"];

sampled(LEGAL, 3).forEach((legal, i) => {
  const settings = settingsOf(legal).filter((s) => !isOurs(s));
  if (settings.length === 0 || LONG.includes(legal.id)) return;
  const setting = settings[i % settings.length];
  qemuTestOnce(`legal on QEMU, ${legal.id} (${settingName(setting)}): ${legal.what}`, async () => {
    const world = await qemuWorld(setting, RULES);
    try {
      legal.plant(new Hands(world.student));
      const { reports, error } = drive(world);
      const said = reports.filter((r) => r.level !== "note").map((r) => terminalReport(r));
      assertEquals([error?.message, ...said, ...world.student.ground.alloc.live()], [undefined]);
    } finally {
      await world.close();
    }
  });
});
