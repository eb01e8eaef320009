/** The built page in a real browser: Debian's chromium through playwright-core. */
import { chromium, type Page } from "playwright-core";
import { build, DIST } from "../../dashboard/tools/build.ts";
import { PageServer } from "../../dashboard/tools/page_server.ts";
import { ONCE } from "./once.ts";

const CHROMIUM = "/usr/bin/chromium";
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
/** Where screenshots are kept. */
const OUTPUT = new URL("../output/", import.meta.url);
/** Milliseconds that anything may take on a busy machine. */
const PATIENCE = 20_000;

function installed(): boolean {
  try {
    return Deno.statSync(CHROMIUM).isFile || true;
  } catch {
    return false;
  }
}

const ignore = !installed() && Deno.env.get("REQUIRE_BROWSER") !== "1";
if (ONCE && ignore) {
  console.log("ignored: tests in a browser (apt-get install --no-install-recommends chromium)");
}

/** A test that needs a browser; with REQUIRE_BROWSER=1 it fails where there is none. The other runs do not know it. */
export function browserTest(name: string, fn: () => Promise<void>): void {
  if (ONCE) Deno.test({ name, ignore, fn });
}

export interface Look {
  /** What follows the page's address: `#transport=mmio`. */
  readonly hash?: string;
  readonly dark?: boolean;
  readonly width?: number;
  readonly height?: number;
  /** The page as another program serves it. */
  readonly link?: string;
  /** Called for each file that the page or its worker gets. */
  readonly onFile?: (url: string) => void;
}

/** What the page is made of, from the repository's folder. */
const SOURCES =
  "spec inet arch mm drivers kernel devices verify dashboard/routes dashboard/islands dashboard/components " +
  "dashboard/lib dashboard/static dashboard/hosts dashboard/worker dashboard/tools dashboard/deno.json package.json";
const ROOT = new URL("../../", import.meta.url);

/** When the newest of some files was changed, in milliseconds; workers among the static files are made themselves. */
async function newest(url: URL): Promise<number> {
  const { isDirectory, mtime } = await Deno.stat(url);
  if (!isDirectory) return mtime!.getTime();
  let last = 0;
  for await (const { name } of Deno.readDir(new URL(`${url}/`))) {
    if (!/^(worker-.*\.js|node_modules|\..*)$/.test(name)) {
      last = Math.max(last, await newest(new URL(`${url}/${encodeURIComponent(name)}`)));
    }
  }
  return last;
}

/** Whether the page has been built since its sources were changed. */
async function isCurrent(): Promise<boolean> {
  const page = await Deno.stat(new URL("index.html", DIST)).catch(() => undefined);
  if (page === undefined) return false;
  for (const source of SOURCES.split(" ")) {
    if (await newest(new URL(source, ROOT)) >= page.mtime!.getTime()) return false;
  }
  return true;
}

let built: Promise<void> | undefined;

/** Builds the page, once; test files that run beside each other share it. */
export function builtPage(): Promise<void> {
  return built ??= (async () => {
    await Deno.mkdir(DIST, { recursive: true });
    using lock = await Deno.open(new URL(".build-lock", DIST), { create: true, write: true });
    await lock.lock(true);
    if (!await isCurrent()) await build();
  })();
}

/**
 * Opens the page in a browser of its own. Fails if the page wrote an error to its console, threw, or asked for a file that
 * is not there.
 */
export async function onPage(
  look: Look,
  visit: (page: Page) => Promise<void>,
): Promise<void> {
  await builtPage();
  const server = new PageServer({ port: 0 });
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const wrong: string[] = [];
  try {
    const page = await browser.newPage({
      viewport: { width: look.width ?? 1280, height: look.height ?? 720 },
      colorScheme: look.dark ? "dark" : "light",
    });
    page.setDefaultTimeout(PATIENCE);
    page.on("console", (m) => void (m.type() === "error" && wrong.push(m.text())));
    page.on("pageerror", (error) => void wrong.push(String(error)));
    page.on("response", (r) => {
      look.onFile?.(r.url());
      if (r.status() >= 400) wrong.push(`${r.status()} ${r.url()}`);
    });
    await page.goto(look.link ?? server.link + (look.hash ?? ""));
    await visit(page);
  } finally {
    await browser.close();
    await server.close();
  }
  if (wrong.length > 0) throw new Error(`errors in the browser's console:\n${wrong.join("\n")}`);
}

/** Keeps a picture of what is seen, and fails where the page is wider than its window. */
export async function shot(page: Page, name: string): Promise<void> {
  await Deno.mkdir(OUTPUT, { recursive: true });
  const path = decodeURIComponent(new URL(`${name}.png`, OUTPUT).pathname);
  await page.screenshot({ path });
  const [needs, has] = await page.evaluate(
    () => [document.documentElement.scrollWidth, document.documentElement.clientWidth],
  );
  if (needs > has) throw new Error(`${name}: the page is ${needs - has} pixels wider than its window`);
}

/** Fails if a part of the page has to be scrolled sideways to be read, or the legend covers where the page is. */
export async function fits(page: Page, name: string): Promise<void> {
  const wide = await page.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>(".scroll, .views, aside, #view-panel")].filter((e) =>
      e.scrollWidth > e.clientWidth + 1
    ).map((e) =>
      `${e.getAttribute("aria-label") ?? e.className}: ${e.scrollWidth} in ${e.clientWidth} pixels`
    )
  );
  if (wide.length > 0) throw new Error(`${name} is too wide: ${wide.join("; ")}`);
  const covered = await page.evaluate(() => {
    const [a, b] = [".run .where", ".legend"].map((s) => document.querySelector(s)!.getBoundingClientRect());
    return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
  });
  if (covered) throw new Error(`${name}: the legend covers where the page is`);
}

/** Waits until a text is seen somewhere in the element. */
export async function sees(page: Page, selector: string, text: string | RegExp): Promise<void> {
  await page.locator(selector).filter({ hasText: text }).first().waitFor();
}

/** Waits until the guest waits for input, and all that it did is known to the page. */
export async function idlePage(page: Page): Promise<void> {
  await sees(page, "#machine-status", "idle");
  await sees(page, "#console", /\$ |> /);
}

/**
 * Waits until the page is as expected: what a click or a key causes is seen only after the machine's answer has been drawn.
 *
 * @throws {Error} with what was seen last.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T>,
  right: (seen: T) => boolean,
): Promise<T> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const seen = await look();
    if (right(seen)) return seen;
    if (performance.now() > end) throw new Error(`waited in vain for ${what}: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

/** Waits until the page shows the machine after an event. */
export async function isAt(page: Page, event: number): Promise<void> {
  await eventually(`event ${event}`, () => numberIn(page, "#position"), (at) => at === event);
}

/** The number in an element: the position on the time line, the count of events. */
export async function numberIn(page: Page, selector: string): Promise<number> {
  return Number((await page.locator(selector).innerText()).replace(/\D/g, ""));
}
