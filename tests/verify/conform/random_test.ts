/** Random programs: the same seed gives the same ones, a difference is shrunk to what matters, and QEMU agrees with us. */
import { assert, assertEquals } from "@std/assert";
import type { Platform } from "../../../arch/platform.ts";
import { campaign, generate, show, TARGETS } from "../../../verify/conform/random/mod.ts";
import { keptId } from "../../../verify/conform/random/kept.ts";
import { Pair, REAL, type Worlds } from "../../../verify/conform/random/pair.ts";
import type { Program, Step } from "../../../verify/conform/random/program.ts";
import { shrink } from "../../../verify/conform/random/shrink.ts";
import { stepText } from "../../../verify/conform/random/show.ts";
import { targetOf } from "../../../verify/conform/random/targets.ts";
import type { World } from "../../../verify/conform/world.ts";
import { qemuTestOnce } from "../../support/qemu.ts";
import { onceTest as once } from "../../support/once.ts";

/** Two simulated worlds; reads of registers of the second one go through `read`. */
function worldsWith(read: (address: number, value: number) => number): Worlds {
  const wrapped = (world: World): World => {
    const { platform } = world;
    const changed: Platform = Object.create(platform, {
      mmioRead: {
        value: (address: Parameters<Platform["mmioRead"]>[0], width: 1 | 2 | 4) =>
          read(address, platform.mmioRead(address, width)),
      },
    });
    return { ...world, platform: changed };
  };
  return {
    simulated: (target) => REAL.simulated(target),
    other: async (target) => wrapped(await REAL.simulated(target)),
  };
}
const SAME = worldsWith((_, value) => value);

once("a program is the same whenever it is generated, and one of its own", () => {
  for (const { name } of TARGETS) {
    const programs = Array.from({ length: 30 }, (_, i) => generate(name, 7, i));
    assertEquals(generate(name, 7, 29), programs[29]);
    assertEquals(JSON.parse(JSON.stringify(programs)), programs, "programs are plain data");
    assertEquals(new Set(programs.map((p) => JSON.stringify(p.steps))).size, 30);
    assert(JSON.stringify(generate(name, 8, 0).steps) !== JSON.stringify(programs[0].steps));
  }
});

once("programs do everything: each kind of step, each register, right and wrong", () => {
  for (const target of TARGETS.filter((t) => t.device !== "net")) {
    const steps = Array.from({ length: 400 }, (_, i) => generate(target.name, 1, i).steps).flat();
    const seen = new Set(steps.map((s) => s.op));
    const kinds = [
      "reg",
      "ring",
      "chain",
      "publish",
      "suppress",
      ...target.device === "serial" ? ["input", "poke"] : [],
    ];
    assertEquals(kinds.filter((k) => !seen.has(k as Step["op"])), []);
    const registers = new Set(
      steps.flatMap((s) =>
        s.op === "reg" ? [`${s.value === undefined ? "read" : "write"} ${s.at}+${s.off}`] : []
      ),
    );
    const common = target.transport === "mmio1"
      // Those of version 2, which are not there, as well (virtio 1.4, 4.2.4).
      ? [0x14, 0x20, 0x24, 0x28, 0x30, 0x38, 0x3c, 0x40, 0x44, 0x50, 0x64, 0x70, 0x80].map((off) =>
        `write mmio+${off}`
      )
      : target.transport === "mmio"
      ? [0x14, 0x24, 0x30, 0x38, 0x44, 0x64, 0x70, 0x80, 0x84].map((off) => `write mmio+${off}`)
      : [0, 8, 0x10, 0x14, 0x16, 0x18, 0x1a, 0x1c, 0x20, 0x24, 0x3a].map((off) => `write common+${off}`);
    const reads = target.mmio
      ? [0, 4, 8, 0x10, 0x34, 0x44, 0x60, 0x70, 0xfc, 0x100].map((off) => `read mmio+${off}`)
      : [4, 0xc, 0x12, 0x15, 0x18, 0x1a, 0x1e, 0x20, 0x34].map((off) => `read common+${off}`);
    assertEquals([...common, ...reads].filter((r) => !registers.has(r)), [], target.name);
  }
});

once("programs drive the device through the ports of a transitional device, of no other", () => {
  for (const target of TARGETS) {
    const written = new Set(
      Array.from({ length: 200 }, (_, i) => generate(target.name, 1, i).steps).flat().flatMap((s) =>
        s.op === "reg" && s.at === "legacy" && s.value !== undefined ? [s.off] : []
      ),
    );
    // Features, queue address, selection, notification, status, vectors (virtio 1.4, 4.1.4.10).
    const missing = [4, 8, 14, 16, 18, 20, 22].filter((off) => !written.has(off));
    assertEquals(missing.length, target.transport === "transitional" ? 0 : 7, target.name);
  }
});

once("a driver of version 1 puts its rings where page size, size and alignment say, with few slips", () => {
  const steps = Array.from({ length: 200 }, (_, i) => generate("rng-mmio1-split", 1, i).steps);
  let right = 0, wrong = 0;
  for (const program of steps) {
    let page = 1;
    program.forEach((s, i) => {
      const next = program[i + 1];
      if (s.op === "reg" && s.off === 0x28 && s.width === 4 && s.value !== undefined) {
        page = s.value & -s.value;
      }
      if (s.op !== "ring" || next?.op !== "reg" || next.off !== 0x40 || next.value === undefined) return;
      if (next.value * (page || 1) === s.desc && s.driver === s.desc + 16 * s.size) right++;
      else wrong++;
      assert(s.device >= s.driver + 4 + 2 * s.size, "the used ring lies behind the available one");
    });
  }
  assert(right > 200 && wrong < right / 10 && wrong > 0, `${right} right, ${wrong} wrong`);
});

once("two equal worlds do not differ, whatever a program does", async () => {
  const results = await campaign({ programs: 12, seed: 3, worlds: SAME });
  assertEquals(
    results.map((r) => [r.programs, r.differences.length, r.kept.size]),
    TARGETS.map(() => [12, 0, 0]),
  );
});

once("a difference is shrunk to the steps that it needs", async () => {
  // queue_size of the first page of BAR 4 says 4 where it is 3.
  const worlds = worldsWith((address, value) => (address & 0xffff) === 0x18 && value === 3 ? 4 : value);
  const [result] = await campaign({ programs: 200, seed: 1, only: "rng-pci-split", worlds, enough: 1 });
  assertEquals(result.differences.length, 1);
  const { program } = result.differences[0];
  assert(program.steps.length <= 2, show(result.differences[0]));
  assertEquals(stepText(program.steps[0]), "write common queue_size (16 bit) <- 3");
  assert(show(result.differences[0]).includes(`--seed 1 --only rng-pci-split#${program.index}`));
});

once("shrinking takes away steps, then what is in them", async () => {
  const full = generate("rng-pci-split", 1, 0);
  const wanted: Step = {
    op: "chain",
    q: 0,
    d: [{ a: 0x110000, n: 40, f: 2 }, { a: 0x110100, n: 64, f: 2 }],
    head: 3,
  };
  const program: Program = { ...full, steps: [...full.steps, wanted, ...full.steps] };
  // The fault: a chain with a buffer of more than 32 bytes.
  const differs = (p: Program) =>
    Promise.resolve(p.steps.some((s) => s.op === "chain" && s.head === 3 && s.d.some((d) => d.n > 32)));
  const { steps } = await shrink(program, differs);
  assertEquals(steps, [{ op: "chain", q: 0, d: [{ a: 0x110100, n: 33 }], head: 3 }]);
});

once("what one machine does not survive is a difference, too", async () => {
  const worlds = worldsWith((address, value) => {
    if ((address & 0xffff) === 0x1000) throw new Error("ISR cannot be read");
    return value;
  });
  const pair = new Pair(targetOf("rng-pci-split"), worlds);
  const read: Step = { op: "reg", at: "isr", off: 0, width: 1 };
  const { found, kept } = await pair.judge({ target: "rng-pci-split", seed: 0, index: 0, steps: [read] });
  await pair.close();
  assertEquals(found?.qemu, [{ gone: "Error: ISR cannot be read" }]);
  assertEquals([found?.difference.fields, kept], [
    ["gone", "value", "lines"].filter((f) => f !== "lines"),
    undefined,
  ]);
});

once("kept differences are known by what a program did", () => {
  const at = (target: string, steps: Step[], simulated: object, qemu: object) => {
    const step = Math.max(0, steps.length - 1);
    const fields = Object.keys({ ...simulated, ...qemu }) as ("memory" | "gone")[];
    const run = (last: object) => [...Array.from({ length: step }, () => ({})), last];
    return keptId({
      program: { target, seed: 0, index: 0, steps },
      difference: { step, fields },
      simulated: run(simulated),
      qemu: run(qemu),
    });
  };
  const ring0 = { op: "ring", q: 0, packed: false, size: 1, driver: 0x10, device: 0x1000 } as const;
  // Page 0x1000 of 4 KiB begins where RAM ends.
  const outsidePage: Step[] = [
    { op: "reg", at: "mmio", off: 0x28, width: 4, value: 0x1000 },
    { op: "reg", at: "mmio", off: 0x40, width: 4, value: 0x1000 },
    { ...ring0, desc: 0 },
  ];
  const below = [{ memory: "110000:00" }, { memory: "8:b2 110000:00" }] as const;
  const reset: Step[] = [{ op: "reg", at: "mmio", off: 0xc0, width: 4, value: 1 }];
  assertEquals(at("rng-mmio-split", reset, { memory: "1:01" }, {}), "mmio-queue-reset");
  assertEquals(at("rng-mmio-split", [], { memory: "1:01" }, {}), undefined);
  // Version 1 has no such register on either side.
  assertEquals(at("rng-mmio1-split", reset, { memory: "1:01" }, {}), undefined);
  assertEquals(at("rng-mmio1-split", outsidePage, ...below), "ring-outside-memory");
  assertEquals(at("rng-mmio1-split", outsidePage.slice(1), ...below), undefined);
  assertEquals(at("rng-pci-packed", [], {}, { gone: "Hung" }), "packed-readable-after-writable-hangs");
  assertEquals(at("rng-pci-split", [], {}, { gone: "Hung" }), undefined);
  const outside = (off: number): Step[] => [
    { op: "reg", at: "cfg", off: 0x8c, width: 4, value: off },
    { op: "reg", at: "cfg", off: 0x94, width: 4, value: 0x19f0aab },
  ];
  const low = [{ memory: "110000:00" }, { memory: "8:b2 110000:00" }] as const;
  assertEquals(at("net-pci-split", outside(0x30), ...low), "ring-outside-memory");
  assertEquals(at("net-pci-split", outside(0x08), ...low), undefined);
  const place = { desc: 0x100000, driver: 0x100600, device: 0x100800 };
  const ring: Step[] = [
    { op: "ring", q: 0, packed: true, size: 4, ...place },
    { op: "chain", q: 0, d: [{ a: 0x110000, n: 1, x: 3 }, { a: 0x110010, n: 1, f: 2, x: 1 }] },
    { op: "publish", q: 0 },
  ];
  const memory = (written: string) => ({ memory: written });
  const id = at("rng-pci-packed", ring, memory("10000c:01 10000e:8080"), memory("10000e:8080"));
  assertEquals(id, "packed-id-of-first-descriptor");
  assertEquals(at("rng-pci-packed", ring, memory("100008:01"), memory("100008:02")), undefined);
});

qemuTestOnce("random programs: our rng and serial devices do what the real QEMU's do", async () => {
  for (
    const { name } of TARGETS.filter((t) =>
      t.device !== "net" && (t.transport !== "transitional" || t.name === "rng-transitional-split")
    )
  ) {
    const [result] = await campaign({ programs: 30, seed: 11, only: name, enough: 1 });
    assertEquals(result.differences.map((d) => show(d)), []);
    assertEquals(result.programs, 30);
  }
});
