import { assert, assertEquals } from "@std/assert";
import { PageServer } from "../../dashboard/tools/page_server.ts";
import { showRecording } from "../../dashboard/tools/show_recording.ts";
import { Recorder, Timeline } from "../../verify/record/mod.ts";
import type { Report } from "../../verify/strict/mod.ts";
import { RULES } from "../../verify/strict/mod.ts";
import { Hands, settingsOf } from "../drivers-gone-wrong/mistake.ts";
import { MISTAKES } from "../drivers-gone-wrong/mistakes/mod.ts";
import { drive, simulatedWorld } from "../drivers-gone-wrong/world.ts";
import { browserTest, builtPage, eventually, isAt, onPage, sees, shot } from "../support/browser.ts";

/** A run of a driver with a mistake, recorded: one with a report that has evidence in memory. */
function wrongRun(): { recorder: Recorder; reports: readonly Report[] } {
  for (const mistake of MISTAKES.filter((m) => m.expect.rule.startsWith("split-"))) {
    const recorder = new Recorder();
    const world = simulatedWorld(settingsOf(mistake)[0], RULES, recorder);
    mistake.plant(new Hands(world.student));
    const { reports } = drive(world);
    if (reports.some((r) => r.level === "violation" && r.evidence.some((e) => e.address !== undefined))) {
      return { recorder, reports };
    }
  }
  throw new Error("no mistake with evidence in memory");
}

browserTest(
  "browser: broken rules are listed, lead to their moment and bytes, and stop what plays",
  async () => {
    const { recorder, reports } = wrongRun();
    const timeline = new Timeline(recorder);
    const places = timeline.matches([{ kinds: ["rule"] }]);
    assertEquals(places.length, reports.length);
    const at = reports.findIndex((r) =>
      r.level === "violation" && r.evidence.some((e) => e.address !== undefined)
    );
    const report = reports[at], cause = places[at] - 1;
    // A report stands behind the event that it names.
    assertEquals(reports.map((r) => r.event), Array.from(places, (place) => place - 1));
    await builtPage();
    const server = new PageServer({ port: 0, connect: showRecording(recorder, "a driver that is wrong") });
    try {
      await onPage({ link: server.link }, async (page) => {
        await page.click("[role=tab]:has-text('Rules')");
        const rows = page.locator("#view-panel table").first().locator("tbody tr");
        await eventually("all reports", () => rows.count(), (n) => n === reports.length);
        await sees(page, "#view-panel", report.found);
        await rows.nth(at).locator("button").click();
        await isAt(page, cause);
        await sees(page, ".report", report.hint);
        await sees(page, ".report", report.clauses[0] ?? report.section);
        // The bytes are those of memory at that moment.
        const evidence = report.evidence.find((e) => e.address !== undefined)!;
        const page4k = timeline.stateAt(cause).page(Math.floor(evidence.address! / 4096));
        const from = evidence.address! % 4096;
        const bytes = Array.from({ length: 16 }, (_, i) => page4k?.[from + i] ?? 0);
        const line = bytes.map((b) => b.toString(16).padStart(2, "0")).join(" ");
        await sees(page, ".report table", line);
        await shot(page, "rules");
        await page.click(".report button:has-text('Stop at this rule')");
        await page.click("button:has-text('Play')");
        await isAt(page, places.find((p, i) => reports[i].rule === report.rule && p >= 0)!);
        await page.click("summary:has-text('Breakpoints')");
        await sees(page, ".breakpoints", `broken rule ${report.rule}`);
        assert(await page.locator(".bar-rule").count() > 1, "the time line shows where rules were broken");
        await shot(page, "rules-breakpoint");
      });
    } finally {
      await server.close();
    }
  },
);

browserTest("browser: a machine booted with strict rules says that none was broken", async () => {
  await onPage({ hash: "#transport=pci&strict=1" }, async (page) => {
    await sees(page, "#console", "> ");
    await page.click("[role=tab]:has-text('Rules')");
    await sees(page, "#view-panel", "No rule was broken so far");
    await page.fill("#console-input", "rng 16");
    await page.press("#console-input", "Enter");
    await sees(page, "#console", /[0-9a-f]{32}/);
    await sees(page, "#view-panel", "No rule was broken so far");
    await page.click("summary:has-text('Machine')");
    assert(await page.isChecked("#strict"));
  });
});
