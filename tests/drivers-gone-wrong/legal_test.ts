/** Other ways to be right: nothing is said of them, wherever they apply. */
import { assertEquals } from "@std/assert";
import { terminalReport } from "../../verify/strict/format/mod.ts";
import { RULES } from "../../verify/strict/mod.ts";
import { onceTest } from "../support/once.ts";
import { LEGAL } from "./legal/mod.ts";
import { Hands, settingsOf } from "./mistake.ts";
import { settingName } from "./setting.ts";
import { drive, simulatedWorld } from "./world.ts";

for (const legal of LEGAL) {
  onceTest(`legal, ${legal.id}: ${legal.what}`, () => {
    for (const setting of settingsOf(legal)) {
      const world = simulatedWorld(setting, RULES);
      legal.plant(new Hands(world.student));
      const { reports: all, error } = drive(world);
      const reports = all.filter((r) => r.level !== "note" || legal.notes?.includes(r.rule) !== true);
      const name = settingName(setting);
      assertEquals([name, error?.message, ...reports.map((r) => terminalReport(r))], [name, undefined]);
      assertEquals([name, ...world.student.ground.alloc.live()], [name]);
    }
  });
}
