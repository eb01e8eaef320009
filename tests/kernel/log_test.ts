import { assertEquals } from "@std/assert";
import { KernelLog, type LogOptions } from "../../kernel/log.ts";

function setUp(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const clock = { now: 0 };
  const log = new KernelLog({ now: () => clock.now, sink: (line) => lines.push(line), ...options });
  return { lines, clock, log };
}

Deno.test("lines look as Hermit's: seconds, core, level, module", () => {
  const { lines, clock, log } = setUp({ level: "trace" });
  log.info("hermit::drivers::virtio::transport::pci", "found");
  clock.now = 12_345_678_901;
  log.warn("hermit", "w");
  log.target("smoltcp::iface").error("e");
  log.trace("a_long_module_name", "t");
  clock.now = 1e14;
  log.debug("mm", "d");
  assertEquals(lines, [
    "[    0.000000][0][INFO  pci       ] found",
    "[   12.345678][0][WARN  hermit    ] w",
    "[   12.345678][0][ERROR smoltcp   ] e",
    "[   12.345678][0][TRACE a_long_module_name] t",
    "[100000.000000][0][DEBUG mm        ] d",
  ]);
  assertEquals(log.lines(), lines);
});

Deno.test("colour in the sink, not in dmesg", () => {
  const { lines, log } = setUp({ color: true });
  log.error("mm", "x");
  assertEquals(lines, ["[    0.000000][0][\x1b[31mERROR\x1b[0m mm        ] x"]);
  assertEquals(log.lines(), ["[    0.000000][0][ERROR mm        ] x"]);
});

Deno.test("filters: a level, and others for some targets", () => {
  const { lines, log } = setUp({ level: "warn,pci=trace,hermit::mm=off,smoltcp" });
  log.info("kernel", "no");
  log.warn("kernel", "1");
  log.trace("hermit::drivers::pci", "2");
  log.error("hermit::mm::frames", "no");
  log.trace("smoltcp::iface", "3");
  assertEquals(lines.map((l) => l.split("] ")[1]), ["1", "2", "3"]);
  assertEquals([log.enabled("debug", "pci"), log.enabled("debug", "kernel")], [true, false]);
  log.setFilter("loud,a=b=c,x=noisy,off");
  log.error("kernel", "no");
  assertEquals(lines.length, 3);
  assertEquals(log.problems, ["not a log filter: 'a=b=c'", "not a log filter: 'x=noisy'"]);
});

Deno.test("the ring keeps the newest lines and counts the rest", () => {
  const { log } = setUp({ capacity: 3 });
  for (let i = 0; i < 5; i++) log.info("k", String(i));
  assertEquals(log.records().map((r) => r.message), ["2", "3", "4"]);
  assertEquals(log.overwritten, 2);
});
