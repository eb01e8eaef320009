import { assert, assertEquals } from "@std/assert";

/**
 * The floors of the house: an import goes down or sideways within its own folder, never up; the guest half and the host
 * half do not know each other; nothing but the back ends that touch the host uses a Deno API.
 */

const ROOT = new URL("../", import.meta.url);
const FLOORS: Record<string, string[]> = {
  spec: [],
  inet: [],
  arch: ["spec"],
  mm: ["arch", "spec"],
  drivers: ["mm", "arch", "spec"],
  kernel: ["drivers", "mm", "arch", "spec", "inet"],
  devices: ["spec", "inet"],
  verify: ["spec", "inet", "arch", "mm", "drivers", "kernel", "devices"],
};
/** What the wall between the halves lets through, types only: the `Platform` interface and what it is made of. */
const WALL = ["arch/platform.ts", "arch/addresses.ts"];
const HOST_BACK_ENDS = ["devices/host/", "devices/qemu/"];

interface Import {
  file: string;
  target: string;
  typeOnly: boolean;
}

async function sources(dir: string): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(new URL(dir, ROOT))) {
    if (entry.isDirectory) found.push(...await sources(`${dir}${entry.name}/`));
    else if (/\.tsx?$/.test(entry.name)) found.push(dir + entry.name);
  }
  return found.sort();
}

/** Source without comments and strings' contents kept: imports are found at the start of a statement. */
function importsOf(file: string, text: string): Import[] {
  const found: Import[] = [];
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
  const pattern =
    /(import|export)\s+(type\s+)?[^"';]*?from\s*["']([^"']+)["']|import\s*\(?\s*["']([^"']+)["']/g;
  for (const m of code.matchAll(pattern)) {
    const specifier = m[3] ?? m[4];
    const target = specifier.startsWith(".")
      ? new URL(specifier, new URL(file, ROOT)).href.slice(ROOT.href.length)
      : specifier;
    const typeImport = code.slice(Math.max(0, m.index - 12), m.index).includes("typeof");
    found.push({
      file,
      target,
      typeOnly: m[2] !== undefined || typeImport || m[4] !== undefined && m[0].startsWith("import("),
    });
  }
  return found;
}

/** The rule that an import breaks, or undefined. */
function broken({ file, target, typeOnly }: Import): string | undefined {
  const floor = file.split("/")[0];
  if (target.startsWith("#transport")) {
    return floor === "drivers" || floor === "kernel"
      ? undefined
      : `${floor}/ must not depend on the transport`;
  }
  if (!/^(spec|inet|arch|mm|drivers|kernel|devices|verify|tests|main\.ts)/.test(target)) {
    return HOST_BACK_ENDS.some((p) => file.startsWith(p)) || floor === "verify"
      ? undefined
      : `${target}: the core depends on no package`;
  }
  const to = target.split("/")[0];
  if (to === floor || FLOORS[floor].includes(to)) return undefined;
  if (floor === "devices" && typeOnly && WALL.includes(target)) return undefined;
  return `${floor}/ must not import ${target}`;
}

Deno.test("imports go down the floors, and never through the wall", async () => {
  const errors: string[] = [];
  let seen = 0;
  for (const floor of Object.keys(FLOORS)) {
    for (const file of await sources(`${floor}/`)) {
      for (const found of importsOf(file, await Deno.readTextFile(new URL(file, ROOT)))) {
        seen++;
        const rule = broken(found);
        if (rule !== undefined) errors.push(`${file}: ${rule}`);
      }
    }
  }
  assert(seen > 50, `only ${seen} imports were seen: the scan itself is broken`);
  assertEquals(errors, []);
});

Deno.test("the import rules refuse what they must", () => {
  const rule = (file: string, target: string, typeOnly = false) => broken({ file, target, typeOnly });
  assert(rule("arch/paging.ts", "mm/physicalmem.ts"), "up a floor");
  assert(rule("drivers/rng.ts", "devices/bus.ts"), "guest to host");
  assert(rule("devices/bus.ts", "mm/device_alloc.ts"), "host to guest");
  assert(rule("devices/bus.ts", "arch/platform.ts"), "the Platform as a value");
  assert(rule("kernel/mod.ts", "npm:left-pad"), "a package in the core");
  assertEquals(rule("devices/bus.ts", "arch/platform.ts", true), undefined);
  assertEquals(rule("kernel/mod.ts", "drivers/mod.ts"), undefined);
});

/** What the page's shared files may import besides each other; types of a recording are no code. */
const PAGE_PACKAGES = ["preact", "preact/hooks", "@preact/signals", "uplot"];
const PAGE_FOLDERS = ["routes", "islands", "components", "lib"];

/** Formats that the page reads or writes as the machine does; the files import nothing. */
const PAGE_SHARED = ["arch/page_table_entry.ts", "devices/net/pcap.ts"];

/** The rule of the dashboard that an import breaks, or undefined. */
function brokenInPage({ file, target, typeOnly }: Import): string | undefined {
  const folder = file.split("/")[1];
  const to = target.split("/");
  if (folder === "worker") {
    const core = [...Object.keys(FLOORS), "#transport"].includes(to[0]);
    const own = target.startsWith("dashboard/worker/") || target.startsWith("dashboard/lib/");
    return core || own ? undefined : `dashboard/worker/ must not import ${target}`;
  }
  if (!PAGE_FOLDERS.includes(folder)) return undefined;
  if (PAGE_PACKAGES.includes(target)) return undefined;
  if (folder === "routes" && ["fresh", "fresh/runtime"].includes(target)) return undefined;
  if (to[0] === "dashboard" && PAGE_FOLDERS.includes(to[1])) return undefined;
  // Layouts and constants on which machine and page agree, and readers of frames: they act on nothing.
  if (to[0] === "spec" || to[0] === "inet" || PAGE_SHARED.includes(target)) return undefined;
  if (typeOnly && (to[0] === "verify" || to[0] === "arch")) return undefined;
  return `dashboard/${folder}/ must not import ${target}`;
}

Deno.test("the page's shared files run under any host: preact, signals, uplot and files beside them", async () => {
  const errors: string[] = [];
  let seen = 0;
  for (const folder of [...PAGE_FOLDERS, "worker"]) {
    for (const file of await sources(`dashboard/${folder}/`)) {
      const text = await Deno.readTextFile(new URL(file, ROOT));
      for (const found of importsOf(file, text)) {
        seen++;
        const rule = brokenInPage(found);
        if (rule !== undefined) errors.push(`${file}: ${rule}`);
      }
      const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
      if (/\bDeno\./.test(code)) errors.push(`${file}: a Deno API`);
      const lines = text.split("\n").length - 1;
      if (lines > 400) errors.push(`${file}: ${lines} lines`);
    }
  }
  assert(seen > 30, `only ${seen} imports were seen: the scan itself is broken`);
  assertEquals(errors, []);
});

Deno.test("the rules of the page refuse what they must", () => {
  const rule = (file: string, target: string, typeOnly = false) => brokenInPage({ file, target, typeOnly });
  assert(rule("dashboard/islands/Ring.tsx", "npm:left-pad"), "a package");
  assert(rule("dashboard/islands/Ring.tsx", "fresh"), "Fresh in an island");
  assert(rule("dashboard/lib/session.ts", "verify/record/mod.ts"), "the recorder as a value");
  assert(rule("dashboard/lib/session.ts", "dashboard/worker/run.ts"), "the worker in the page");
  assert(rule("dashboard/worker/run.ts", "preact"), "preact in the worker");
  assertEquals(rule("dashboard/lib/protocol.ts", "verify/record/mod.ts", true), undefined);
  assertEquals(rule("dashboard/routes/index.tsx", "fresh"), undefined);
  assertEquals(rule("dashboard/worker/run.ts", "kernel/mod.ts"), undefined);
});

Deno.test("only the host back ends and entry points touch Deno", async () => {
  const errors: string[] = [];
  for (const floor of Object.keys(FLOORS)) {
    for (const file of await sources(`${floor}/`)) {
      if (HOST_BACK_ENDS.some((p) => file.startsWith(p)) || /^verify\/.*main\.ts$/.test(file)) continue;
      const text = await Deno.readTextFile(new URL(file, ROOT));
      const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*$/gm, "");
      if (/\bDeno\./.test(code)) errors.push(file);
    }
  }
  assertEquals(errors, []);
});

Deno.test("the guest half and the device models keep no state in modules", async () => {
  const errors: string[] = [];
  for (const floor of ["spec", "inet", "arch", "mm", "drivers", "kernel", "devices"]) {
    for (const file of await sources(`${floor}/`)) {
      const text = await Deno.readTextFile(new URL(file, ROOT));
      for (const line of text.split("\n")) {
        if (/^(export )?(let|var) /.test(line)) errors.push(`${file}: ${line}`);
      }
    }
  }
  assertEquals(errors, []);
});

Deno.test("a file has one idea: none passes 400 lines", async () => {
  const long: string[] = [];
  for (const floor of Object.keys(FLOORS)) {
    for (const file of await sources(`${floor}/`)) {
      const lines = (await Deno.readTextFile(new URL(file, ROOT))).split("\n").length - 1;
      if (lines > 400) long.push(`${file}: ${lines} lines`);
    }
  }
  assertEquals(long, []);
});
