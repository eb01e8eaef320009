/** What the first view takes, counted in a real browser. */
import { assert, assertEquals } from "@std/assert";
import { gzipSync } from "node:zlib";
import { browserTest, eventually, idlePage, onPage, sees } from "../support/browser.ts";

/** Bytes of script, compressed as static servers do it, that the first view may take. */
const MOST = 150_000;

browserTest(
  "browser: the first view takes less than 150,000 bytes of script, and not what it does not show",
  async () => {
    for (const transport of ["pci", "mmio"]) {
      const scripts: string[] = [];
      await onPage({ hash: `#transport=${transport}`, onFile: (url) => scripts.push(url) }, async (page) => {
        await idlePage(page);
        await page.locator("table.descriptors tbody tr").first().waitFor();
        const names = () =>
          scripts.map((url) => new URL(url).pathname.slice(1)).filter((n) => n.endsWith(".js"));
        const first = names();
        assertEquals(first.filter((n) => n.startsWith("worker-")), [`worker-${transport}.js`]);
        assertEquals(first.filter((n) => /rest|uPlot|Frames/.test(n)), []);
        let bytes = 0;
        for (const name of first) {
          const body = await Deno.readFile(new URL(`../../dashboard/dist/${name}`, import.meta.url));
          bytes += gzipSync(body, { level: 9 }).length;
        }
        assert(
          bytes < MOST,
          `${transport}: ${bytes} bytes: ${
            first.join(", ")
          }: what the demo boots without can be put off (DEFERRED)`,
        );
        assert(bytes > MOST / 3, `only ${bytes} bytes were seen: the count itself is broken`);
        await page.fill("#console-input", "ping 10.0.2.2 1");
        await page.press("#console-input", "Enter");
        await sees(page, "#console", /1 packets transmitted, 1 received/);
        await eventually(
          "the rest",
          () => Promise.resolve(names()),
          (now) => now.some((n) => /rest/.test(n)),
        );
      });
    }
  },
);
