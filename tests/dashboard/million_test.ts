/** A long recording in a real browser. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { PageServer } from "../../dashboard/tools/page_server.ts";
import { showRecording } from "../../dashboard/tools/show_recording.ts";
import { Recorder, Timeline } from "../../verify/record/mod.ts";
import {
  browserTest,
  builtPage,
  eventually,
  fits,
  isAt,
  numberIn,
  onPage,
  sees,
  shot,
} from "../support/browser.ts";
import { booted, idle } from "../support/dashboard.ts";

const EVENTS = 1_000_000;
/** Bytes: less than a million events take. */
const LIMIT = 48 << 20;
/** Milliseconds that the page may be deaf at a time, on a machine that does other things as well. */
const DEAF = 1000;

/** A million events: those of a boot again and again, each time later. */
async function million(): Promise<Recorder> {
  using session = await booted();
  await session.type("char0", new TextEncoder().encode("rng 4096\n"));
  await idle(session);
  const rows = await session.events(0, 20_000);
  const recorder = new Recorder(LIMIT);
  const span = rows[rows.length - 1].t + 1;
  for (let i = 0; recorder.length < EVENTS; i++) {
    for (const { t, event } of rows.slice(0, EVENTS - recorder.length)) recorder.add(i * span + t, event);
  }
  return recorder;
}

/** The numbers of the lines that the list of events shows, once they have all come. */
function lines(page: Page, right: (numbers: number[]) => boolean): Promise<number[]> {
  return eventually("lines of the list", async () => {
    const texts = await page.locator("table.events tbody tr").evaluateAll((rows) =>
      rows.map((row) => row.querySelector("th")?.textContent ?? "")
    );
    return texts.map((text) => text === "" ? NaN : Number(text));
  }, (numbers) => numbers.length > 0 && !numbers.some(Number.isNaN) && right(numbers));
}
const scrollTo = (page: Page, part: number) =>
  page.locator(".list").evaluate((e, p) => void (e.scrollTop = (e.scrollHeight - e.clientHeight) * p), part);

browserTest(
  "browser: a million events are scrolled, sought and searched without freezing, and what was dropped is said",
  async () => {
    const recorder = await million();
    const timeline = new Timeline(recorder);
    const { first, length } = timeline;
    assertEquals(length, EVENTS);
    assert(first > 0 && recorder.bytes <= LIMIT, `${first} events dropped, ${recorder.bytes} bytes`);
    await builtPage();
    const server = new PageServer({ port: 0, connect: showRecording(recorder, "a million") });
    try {
      await onPage({ link: server.link }, async (page) => {
        await page.evaluate(() => {
          const seen = globalThis as unknown as { longest: number };
          seen.longest = 0;
          new PerformanceObserver((list) => {
            for (const { duration } of list.getEntries()) seen.longest = Math.max(seen.longest, duration);
          }).observe({ type: "longtask", buffered: true });
        });
        await eventually("all of it", () => numberIn(page, "#event-count"), (n) => n === length);
        await page.click("[role=tab]:has-text('Events')");
        await lines(page, (n) => n.at(-1) === length - 1);
        await sees(page, "#view-panel", `${first.toLocaleString("en")} were dropped`);
        await scrollTo(page, 0);
        await lines(page, (n) => n[0] === first);
        const half = first + (length - first) / 2;
        await scrollTo(page, 0.5);
        const [middle] = await lines(page, (n) => Math.abs(n[0] - half) < 100);
        await page.locator("table.events tbody tr").first().click();
        await isAt(page, middle);
        // Any moment, and a search from there: what the recording says.
        const seek = Math.round(first + (length - first) * 0.3);
        await page.locator("#time-line").evaluate((e, value) => {
          (e as HTMLInputElement).value = String(value);
          e.dispatchEvent(new Event("input", { bubbles: true }));
        }, seek);
        await isAt(page, seek);
        await page.selectOption("#step-kind", "notification");
        await page.click("#step");
        await isAt(page, timeline.find([{ step: "notification" }], seek + 1)!);
        await page.selectOption(".view .bar select", "interrupt");
        const found = timeline.matches([{ step: "interrupt" }]);
        await sees(page, ".view .bar", `${found.length.toLocaleString("en")} events`);
        await scrollTo(page, 1);
        await lines(page, (n) => n.at(-1) === found.at(-1));
        await page.fill(".view .bar input", "nobody");
        await sees(page, ".view .bar", /\b0 events/);
        await shot(page, "million");
        await fits(page, "a million events");
        const longest = await page.evaluate(() => (globalThis as unknown as { longest: number }).longest);
        assert(longest < DEAF, `the page was deaf for ${longest} ms`);
        const heap = await page.evaluate(() =>
          (performance as unknown as { memory: { usedJSHeapSize: number } }).memory.usedJSHeapSize
        );
        assert(heap < 100e6, `the page takes ${heap} bytes`);
        assertMatch(await page.innerText(".timeline"), /dropped/);
      });
    } finally {
      await server.close();
    }
  },
);
