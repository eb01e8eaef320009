import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Report } from "../../verify/strict/mod.ts";
import { onceTest } from "../support/once.ts";
import { rngMachine } from "./pieces/machines.ts";
import { Tree } from "./tree.ts";
import { words } from "./words.ts";

onceTest("--strict stop: the run ends at the first violation, and says how the machine stands", async () => {
  const path = await Deno.makeTempDir({ prefix: "stop-" });
  try {
    const tree = new Tree(path);
    const line = words(rngMachine());
    const run = (mode: string[]) =>
      tree.deno(["run", "-A", "--no-check", "--quiet", "main.ts", ...mode, ...line], {
        input: "rng 16\nshutdown 0\n",
        patience: 60_000,
      });
    const mistake = {
      file: "drivers/virtio/virtqueue/split.ts",
      find: "    writeBarrier(memory, this.orderPlatform);\n",
      replace: "",
    };
    const [stopped, reported] = await tree.with("stop", [mistake], async () => [
      await run(["--strict", "stop"]),
      await run(["--strict", "--trace", "trace.jsonl", "--strict-report", "reports.json"]),
    ]);
    assertEquals([stopped.status, reported.status], [76, 76]);
    assertEquals(stopped.errors.match(/^violation: /gm)?.length, 1);
    assertMatch(reported.out, /^[0-9a-f]{32}\r?$/m, "without stop the session goes on");
    assert(!/^[0-9a-f]{32}\r?$/m.test(stopped.out), stopped.out);
    // In the trace each report stands behind the event that it names.
    const lines = (await Deno.readTextFile(`${path}/trace.jsonl`)).split("\n");
    const { reports } = JSON.parse(await Deno.readTextFile(`${path}/reports.json`)) as { reports: Report[] };
    assert(reports.length > 0);
    for (const { event, rule } of reports) {
      const { ev, rule: told } = JSON.parse(lines[event + 1]);
      assertEquals([ev, told], ["rule", rule]);
    }
    // The line in the driver, in its own words, and the machine with the chain that was just published.
    assertMatch(stopped.errors, /> +\d+ \| .*memory\.writeU16\(this\.availAt \+ AVAIL_IDX/);
    assertMatch(stopped.errors, /queue 0: split, size 8, avail 1, used 0; 0 notifications/);
    assertMatch(stopped.errors, /the device has 0: 32 bytes at 0x[0-9a-f]+ to write/);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
});
