import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { PhysAddr } from "../../../arch/addresses.ts";
import type { Platform, Width } from "../../../arch/platform.ts";
import {
  BATTERY,
  judge,
  passed,
  type Row,
  rowText,
  runChecks,
  staleEntries,
  type Worlds,
} from "../../../verify/conform/mod.ts";
import { main } from "../../../verify/conform/main.ts";
import { qemuWorld, simulatedWorld } from "../../../verify/conform/world.ts";
import { qemuTestOnce } from "../../support/qemu.ts";

const some = (...ids: string[]) => BATTERY.filter((check) => ids.includes(check.id));

async function rowsOf(checks: typeof BATTERY, worlds?: Worlds): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const result of runChecks(checks, worlds)) rows.push(judge(result));
  return rows;
}

/** Worlds whose simulated half has one register that lies. */
function lying(read: (address: number, width: Width, value: number) => number): Worlds {
  return {
    qemu: qemuWorld,
    simulated(desc) {
      const world = simulatedWorld(desc);
      const platform = new Proxy(world.platform, {
        get(target, name) {
          if (name === "mmioRead") {
            return (address: PhysAddr, width: Width) => read(address, width, target.mmioRead(address, width));
          }
          const value = target[name as keyof Platform];
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
      return { ...world, platform };
    },
  };
}

qemuTestOnce("no register and no probe differs without a reason, and every reason is needed", async () => {
  const rows = await rowsOf(BATTERY);
  assertEquals(rows.filter((row) => row.verdict === "differs").map(rowText), []);
  const stale = staleEntries(rows, { checks: true, programs: false });
  assertEquals(stale, []);
  assert(passed({ qemuVersion: "", rows, stale }));
  assert(rows.length > 1000, `${rows.length} checks`);
});

qemuTestOnce("a register that lies is found, with its place", async () => {
  // num_queues of the common configuration.
  const worlds = lying((address, width, value) => address === 0xe000_0012 && width === 2 ? value ^ 2 : value);
  const rows = await rowsOf(some("static/q35/virtio-rng-pci/common", "rng-pci/split/one-buffer"), worlds);
  assertEquals(rows.map((row) => row.verdict), ["differs", "same"]);
  assertEquals(rows[0].detail, "at width 2.+0010[2]: simulated 0003, qemu 0001");
  assert(!passed({ qemuVersion: "", rows, stale: [] }));
});

qemuTestOnce("a lie about an interrupt is found by the probe that asks", async () => {
  const worlds = lying((address, width, value) => address === 0xe000_1000 && width === 1 ? value & 2 : value);
  const [row] = await rowsOf(some("rng-pci/split/one-buffer"), worlds);
  assertEquals([row.verdict, row.detail], ["differs", "at isr: simulated 0, qemu 1"]);
});

qemuTestOnce(
  "a check that throws is an observation, and what comes after it has fresh machines",
  async () => {
    let broken = true;
    const worlds = lying((_address, _width, value) => {
      if (broken) throw new Error("no such register");
      return value;
    });
    const rows: Row[] = [];
    for await (const r of runChecks(some("rng-pci/split/one-buffer", "rng-pci/split/two-segments"), worlds)) {
      rows.push(judge(r));
      broken = false;
    }
    assertEquals(rows.map((row) => row.verdict), ["differs", "same"]);
    assertEquals(rows[0].simulated, "Error: no such register");
  },
);

qemuTestOnce("the tool runs what is asked for, writes its reports and ends with 0", async () => {
  const dir = await Deno.makeTempDir();
  const { log } = console;
  const printed: string[] = [];
  try {
    console.log = (text: string) => void printed.push(text);
    const files = ["--json", `${dir}/r.json`, "--junit", `${dir}/r.xml`];
    assertEquals(await main(["--probes", "--filter", "split/one-buffer", ...files]), 0);
    const json = JSON.parse(await Deno.readTextFile(`${dir}/r.json`));
    assertEquals(json.counts, { same: 2, kept: 0, differs: 0 });
    assert(/^\d+\.\d+/.test(json.qemu), json.qemu);
    assertStringIncludes(await Deno.readTextFile(`${dir}/r.xml`), 'tests="2" failures="0"');
  } finally {
    console.log = log;
    await Deno.remove(dir, { recursive: true });
  }
  assertStringIncludes(printed[0], "| qemu ");
  assertStringIncludes(printed.join("\n"), "2 checks, 2 same");
});
