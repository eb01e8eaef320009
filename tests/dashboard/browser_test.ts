import { assert, assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { DEMO_SETUP, writeHash } from "../../dashboard/lib/link.ts";
import type { Session } from "../../dashboard/lib/session.ts";
import { eventLine, rings, splitRing, touches } from "../../dashboard/lib/views/mod.ts";
import {
  browserTest,
  builtPage,
  eventually,
  fits,
  idlePage,
  isAt,
  numberIn,
  onPage,
  sees,
  shot,
} from "../support/browser.ts";
import { booted, quietSetup, until } from "../support/dashboard.ts";

/** Types a line into the page's console. */
async function type(page: Page, line: string): Promise<void> {
  await page.fill("#console-input", line);
  await page.press("#console-input", "Enter");
}

/** What the split ring view shows: both indices and the descriptors' owners, buffers and lengths. */
async function shown(page: Page): Promise<string> {
  const captions = await page.locator("table.ring caption").allInnerTexts();
  const cells = await page.locator("table.descriptors tbody tr").evaluateAll((rows) =>
    rows.map((row) => [...row.querySelectorAll("th, td")].slice(1, 5).map((c) => c.textContent).join(" "))
  );
  return [...captions.map((c) => c.match(/\w+\.idx \d+/)![0]), ...cells].join("\n");
}

/** The same, as a machine in this process recorded it. */
async function recorded(session: Session, at: number): Promise<string> {
  session.go(at);
  const seen = () => {
    const { state, read } = session.moment.value;
    const [ring] = state.at === at ? rings(state) : [];
    return ring && splitRing(ring, read);
  };
  await until(`the ring after event ${at}`, () => seen() !== undefined);
  const { availIdx, usedIdx, descriptors } = seen()!;
  const rows = descriptors.slice(0, 32).map(({ index, owner, addr, len }) => {
    const buffer = addr === 0 && len === 0 ? "" : `0x${addr.toString(16)}`;
    return `${index} ${owner} ${buffer} ${len || ""}`;
  });
  return [`avail.idx ${availIdx}`, `used.idx ${usedIdx}`, ...rows].join("\n");
}

/** Waits until the page shows what is expected, and says what it shows otherwise. */
async function equals(page: Page, expected: string, what: string): Promise<void> {
  let now = "";
  await eventually(what, async () => now = await shown(page), (seen) => seen === expected)
    .catch(() => assertEquals(now, expected, what));
}

/** Waits until the chosen view is drawn whole: its script is there, and so is the memory that it shows. */
async function drawn(page: Page): Promise<void> {
  await page.locator("#view-panel h2").first().waitFor();
  await eventually(
    "a whole view",
    () => page.innerText("#view-panel"),
    (text) => !/Memory is on its way|^loading$|^…$/m.test(text),
  );
}

/** Goes through all views by keys, and calls for each once it is drawn. */
async function eachView(page: Page, look: (name: string) => Promise<void>): Promise<void> {
  const chosen = page.locator("[role=tab][aria-selected=true]");
  await page.locator("[role=tab]", { hasText: "Events" }).focus();
  await page.keyboard.press("Enter");
  for (let i = 0; i < await page.locator("[role=tab]").count(); i++) {
    const name = await chosen.innerText();
    await drawn(page);
    await look(name.toLowerCase().replaceAll(" ", "-"));
    await chosen.focus();
    await page.keyboard.press("ArrowRight");
    await page.locator("[role=tab][aria-selected=true]", { hasNotText: name }).waitFor();
  }
}

browserTest("browser: PCI boots, and its console answers", async () => {
  await onPage({}, async (page) => {
    await idlePage(page);
    await shot(page, "pci");
    await type(page, "rng 16");
    await sees(page, "#console", /rng 16\s+[0-9a-f]{32}\b/);
    await eachView(page, async (name) => {
      await shot(page, `view-${name}`);
      await fits(page, name);
    });
    await page.locator(".large-switch input").check();
    await eachView(page, (name) => fits(page, `${name}, large type`));
  });
});

browserTest("browser: MMIO boots from its link, in dark mode and large type", async () => {
  await onPage({ hash: "#transport=mmio", dark: true }, async (page) => {
    await idlePage(page);
    await shot(page, "mmio-dark");
    await page.locator(".large-switch input").check();
    await shot(page, "mmio-dark-large");
    await type(page, "rng 16");
    await sees(page, "#console", /rng 16\s+[0-9a-f]{32}\b/);
    await eachView(page, async (name) => {
      await shot(page, `dark-large-${name}`);
      await fits(page, `${name}, large type`);
    });
  });
});

browserTest("browser: steps, dragging and going back show the state that was recorded", async () => {
  const setup = { ...quietSetup(), transport: "pci" as const };
  using session = await booted(setup);
  await onPage({ hash: writeHash(setup) }, async (page) => {
    await idlePage(page);
    const { length } = session.progress.value;
    await eventually("all events", () => numberIn(page, "#event-count"), (n) => n === length);
    await page.selectOption(".picker select", { index: 0 });
    await equals(page, await recorded(session, length - 1), "the end");
    await page.selectOption("#step-kind", "ring");
    const places: number[] = [];
    for (let i = 0; i < 6; i++) {
      const before = await page.innerText("#position");
      await page.click("button:has-text('Back')");
      await page.locator("#position").filter({ hasNotText: new RegExp(`^${before}$`) }).waitFor();
      places.push(await numberIn(page, "#position"));
    }
    await session.step("ring", -1);
    assertEquals(session.position.value, places[0], "the last ring write");
    await equals(page, await recorded(session, places[5]), "six ring writes back");
    await page.click("#step");
    await isAt(page, places[4]);
    await equals(page, await recorded(session, places[4]), "and one forward");
    // What happened is said, and the queue that it happened to can be followed.
    const [{ event }] = await session.events(places[4], 1);
    const { what, text } = eventLine(event);
    await sees(page, ".run .event", `${what}: ${text}`);
    const used = rings(session.moment.value.state).find((r) => touches(event, r))!;
    await page.check("#follow");
    await eventually("the queue", () => page.inputValue(".picker select"), (key) => key === used.key);
    await page.selectOption(".picker select", { index: 0 });
    assertEquals(await page.isChecked("#follow"), false);
    const { at } = (await session.call("next", { filters: [{ kinds: ["notify"] }], from: 0, direction: 1 }))!;
    await page.locator("#time-line").evaluate((e, value) => {
      (e as HTMLInputElement).value = String(value);
      e.dispatchEvent(new Event("input", { bubbles: true }));
    }, at);
    await equals(page, await recorded(session, at), "where the time line was dragged to");
    await shot(page, "earlier-moment");
    assertNotEquals(await recorded(session, at), await recorded(session, length - 1));
    // By the mouse to the middle, and from there by keys.
    const box = (await page.locator("#time-line").boundingBox())!;
    await page.mouse.move(box.x + 8, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 5 });
    await page.mouse.up();
    const near = (n: number) => Math.abs(n - length / 2) < length / 20;
    const half = await eventually(
      "the middle",
      async () => Number(await page.inputValue("#time-line")),
      near,
    );
    await isAt(page, half);
    await page.keyboard.press("ArrowRight");
    await isAt(page, half + 1);
  });
});

browserTest(
  "browser: the command line is edited and booted; a wrong one leaves the machine alone",
  async () => {
    await onPage({}, async (page) => {
      await idlePage(page);
      await page.click("summary:has-text('Machine')");
      const words = await page.inputValue("#words");
      const events = await numberIn(page, "#event-count");
      await page.fill("#words", words.replace("virtio-rng-pci", "virtio-rng-pci,pakced=on"));
      await page.click("#boot");
      await sees(page, "[role=alert]", "pakced");
      await shot(page, "wrong-command-line");
      await fits(page, "split ring and form");
      // Its own timers may have made it longer; another boot would have begun anew.
      assert(await numberIn(page, "#event-count") >= events);
      await type(page, "rng 16");
      await sees(page, "#console", /rng 16\s+[0-9a-f]{32}\b/);
      // The form says the same: another machine, a property, a device, each seen in the command line.
      await page.fill("#words", words);
      const seen = (text: RegExp) =>
        eventually(`${text}`, () => page.inputValue("#words"), (w) => text.test(w));
      await page.selectOption("#machine", "microvm");
      await seen(/^-machine microvm .*-device virtio-rng-device /);
      await page.selectOption("#machine", "q35");
      await seen(/^-machine q35 .*-device virtio-rng-pci /);
      await page.click("summary:has-text('virtio-rng-pci')");
      await page.locator(".properties label", { hasText: "event_idx" }).locator("visible=true").locator(
        "input",
      ).uncheck();
      await seen(/virtio-rng-pci,event_idx=off /);
      await page.selectOption("#add-device", "virtio-net-pci");
      await seen(/-netdev user,id=net1 -device virtio-net-pci,netdev=net1$/);
      await shot(page, "form");
      await fits(page, "form");
      await page.fill("#words", words.replace(/virtio-(rng|net)-pci/g, "$&,packed=on"));
      await page.click("#boot");
      await page.locator("[role=alert]").waitFor({ state: "detached" });
      await idlePage(page);
      await page.click("[role=tab]:has-text('Packed ring')");
      await sees(page, "#view-panel", "wrap counter");
      await page.locator("#view-panel svg").first().waitFor();
      await shot(page, "packed-and-form");
      await fits(page, "packed ring and form");
      await page.locator(".large-switch input").check();
      await fits(page, "packed ring and form, large type");
      await page.waitForURL(/packed%3Don/);
      const link = page.url();
      await page.goto("about:blank");
      await page.goto(link);
      await idlePage(page);
      await page.click("summary:has-text('Machine')");
      await eventually(
        "the command line",
        () => page.inputValue("#words"),
        (w) => w.includes("virtio-rng-pci,packed=on"),
      );
    });
  },
);

browserTest("browser: a breakpoint ends playing; frames are saved as pcap", async () => {
  using session = await booted(DEMO_SETUP.pci);
  const notify = await session.call("next", { filters: [{ kinds: ["notify"] }], from: 0, direction: 1 });
  await onPage({ hash: "#transport=pci" }, async (page) => {
    await idlePage(page);
    await page.click("summary:has-text('Breakpoints')");
    const form = page.locator(".breakpoints form");
    await form.locator("select").selectOption("notify");
    await form.locator("button").click();
    await sees(page, ".breakpoints li", "notification");
    await page.locator(".run label:has-text('Speed') select").selectOption("5000");
    await page.click("button:has-text('Start')");
    await page.click("#play");
    await sees(page, ".status", "breakpoint at event");
    await isAt(page, notify!.at);
    await shot(page, "breakpoint");
    await fits(page, "split ring at the first notification");
    await page.click("button:has-text('Live')");
    await page.click("[role=tab]:has-text('Frames')");
    await sees(page, "#view-panel", "DHCP");
    const download = page.waitForEvent("download");
    await page.click("#pcap");
    const path = await (await download).path();
    const bytes = await Deno.readFile(path);
    const magic = new DataView(bytes.buffer).getUint32(0, true);
    assert(magic === 0xa1b2c3d4 || magic === 0xa1b23c4d, magic.toString(16));
    assert(bytes.length > 24 + 16 + 14, "there is a frame in it");
  });
});

/** The web server as a program of its own, with a page that may look on; `using` ends it. */
async function webServer() {
  await builtPage();
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const words = "-machine q35 -m 64M -chardev stdio,id=c0,mux=on -serial chardev:c0 -device virtio-rng-pci " +
    "-device virtio-serial-pci -device virtconsole,chardev=c0 " +
    `-netdev user,id=n0,hostfwd=tcp:127.0.0.1:${port}-:8080 -device virtio-net-pci,netdev=n0`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "main.ts", "--dashboard", "0", ...words.split(" "), "httpd", "8080"],
    cwd: decodeURIComponent(new URL("../../", import.meta.url).pathname),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let out = "", err = "";
  const keep = async (from: ReadableStream<Uint8Array>, take: (text: string) => void) => {
    const decoder = new TextDecoder();
    for await (const bytes of from) take(decoder.decode(bytes, { stream: true }));
  };
  const read = Promise.all([keep(child.stdout, (t) => out += t), keep(child.stderr, (t) => err += t)]);
  await until("the web server", () => out.includes("listening") && err.includes("attach="), 20_000);
  return {
    link: err.match(/http:\S+/)![0],
    address: `http://127.0.0.1:${port}/`,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.stdin.close().catch(() => {});
      await Promise.all([child.status, read]);
    },
  };
}

browserTest("browser: attaches to a web server that runs, while curl asks it", async () => {
  await using machine = await webServer();
  await onPage({ link: machine.link }, async (page) => {
    await sees(page, "#console", "listening on port 8080");
    await page.click("[role=tab]:has-text('Frames')");
    const before = await numberIn(page, "#event-count");
    const curl = await new Deno.Command("curl", { args: ["-s", "-m", "10", machine.address] }).output();
    assert(curl.success);
    assertMatch(new TextDecoder().decode(curl.stdout), /<html/i);
    await sees(page, "#view-panel", "HTTP");
    await eventually("the events of it", () => numberIn(page, "#event-count"), (n) => n > before);
    await shot(page, "attached-frames");
    await page.locator(".large-switch input").check();
    await fits(page, "frames, large type");
    await page.locator(".large-switch input").uncheck();
    await page.click("[role=tab]:has-text('Split ring')");
    await page.click("button:has-text('Back')");
    await eventually(
      "an earlier moment",
      async () => await numberIn(page, "#event-count") - await numberIn(page, "#position"),
      (behind) => behind > 1,
    );
    await page.click("summary:has-text('Machine')");
    await sees(page, "aside", "it cannot boot another machine");
    await shot(page, "attached-rings");
  });
});
