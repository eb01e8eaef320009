import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  DIFFERENCES,
  foreignRow,
  jsonReport,
  judge,
  junitReport,
  passed,
  type Report,
  table,
} from "../../../verify/conform/mod.ts";
import { ONCE } from "../../support/once.ts";
import { result } from "./_rows.ts";

const once = (name: string, fn: () => void) => ONCE && Deno.test(name, fn);

const HANGS = { status: 79 };
const report: Report = {
  qemuVersion: "7.2.22 (Debian)",
  rows: [
    judge(
      result("static/q35/a/config-space", { "+0000": "00 01 02 03" }, { "+0000": "00 01 02 03" }, "static"),
    ),
    judge(result("rng-pci/packed/readable-after-writable", HANGS, "hangs")),
    judge(result("rng-pci/split/x", { isr: 1, text: '<&"\x01' }, { isr: 0, text: '<&"\x01' })),
    foreignRow({
      check: "random programs: rng-pci-split",
      spec: "virtio 1.4, 2 to 5",
      verdict: "differs",
      simulated: "200 programs",
      qemu: "1 differ",
      detail: "step 1\nstep 2",
    }),
  ],
  stale: [{ id: "old", why: "x does not differ any more" }],
};
const good: Report = { ...report, rows: report.rows.slice(0, 2), stale: [] };

once("the table: what is equal in one line, what differs with both sides and the place", () => {
  const lines = table(report).split("\n");
  const at = (text: string) => lines.findIndex((l) => l.startsWith(text));
  assert(/^check +\| spec +\| simulated +\| qemu 7\.2\.22$/.test(lines[0]), lines[0]);
  assert(/^static\/q35\/a\/config-space +\| virtio 1\.4, 2\.7 +\| +\| same$/.test(lines[1]), lines[1]);
  assertStringIncludes(lines[at("rng-pci/packed")], "| kept: packed-readable-after-writable-hangs");
  const differs = at("rng-pci/split/x");
  assertStringIncludes(lines[differs], "| DIFFERS");
  assertEquals(lines[differs + 3], "    at isr: simulated 1, qemu 0");
  assertStringIncludes(lines[at("random programs")], "| 200 programs");
  assertStringIncludes(table(report), "    step 1\n    step 2");
  assertStringIncludes(table(report), "  old: x does not differ any more");
  assertEquals(
    lines.at(-1),
    `4 checks, 1 same, 1 differ as they should (1 of ${DIFFERENCES.length} kept differences), 2 differ, 1 out of date in differences.ts`,
  );
  assertStringIncludes(table(report), "QEMU bug: the entropy device asks its back end again");
});

once("only a report without unexplained differences and without old entries passes", () => {
  assertEquals(passed(good), true);
  assertEquals(passed(report), false);
  assertEquals(passed({ ...good, stale: report.stale }), false);
  assertEquals(passed({ ...good, rows: report.rows }), false);
});

once("JSON: the whole of what differs, the start of what does not", () => {
  const json = JSON.parse(jsonReport(report));
  assertEquals([json.format, json.qemu, json.passed], ["pagurus-conform/1", "7.2.22 (Debian)", false]);
  assertEquals(json.counts, { same: 1, kept: 1, differs: 2 });
  assertEquals(json.rows.map((r: { verdict: string }) => r.verdict), ["same", "kept", "differs", "differs"]);
  assertEquals(json.rows[0].both, "{+0000:00 01 02 03}");
  assertEquals([json.rows[1].simulated, json.rows[1].qemu], ["{status:79}", "hangs"]);
  assertEquals(json.rows[2].detail, "at isr: simulated 1, qemu 0");
  assertEquals(json.kept.map((k: { id: string }) => k.id), ["packed-readable-after-writable-hangs"]);
  assertEquals(json.stale, report.stale);
});

once(
  "JUnit: a suite for each part, a failure for each difference and each old entry, text that XML takes",
  () => {
    const xml = junitReport(report);
    assertStringIncludes(xml, '<testsuites name="conform, QEMU 7.2.22 (Debian)">');
    assertStringIncludes(xml, '<testsuite name="static" tests="1" failures="0">');
    assertStringIncludes(xml, '<testsuite name="probes" tests="2" failures="1">');
    assertStringIncludes(xml, '<testsuite name="random" tests="1" failures="1">');
    assertStringIncludes(xml, '<testsuite name="kept differences" tests="1" failures="1">');
    assertStringIncludes(xml, '<testcase classname="static/q35/a" name="config-space"/>');
    assertStringIncludes(xml, '<failure message="at isr: simulated 1, qemu 0">');
    assertStringIncludes(xml, "&lt;&amp;");
    // deno-lint-ignore no-control-regex
    assertEquals(/[\x00-\x08\x0b\x0c\x0e-\x1f]/.test(xml), false);
    const tags = [...xml.matchAll(/<([a-z-]+)(?: [a-z]+="[^"]*")*(\/?)>/g)];
    const open = tags.filter((m) => m[2] === "").map((m) => m[1]).sort();
    const closed = [...xml.matchAll(/<\/([a-z-]+)>/g)].map((m) => m[1]).sort();
    assertEquals(open, closed);
    assertEquals(/failures="[1-9]/.test(junitReport(good)), false);
  },
);
