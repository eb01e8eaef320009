import { TRANSPORT } from "#transport";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import type { Props } from "../../devices/description/types.ts";
import { UnknownAppError } from "../../kernel/mod.ts";
import type { TraceEvent } from "../../spec/trace.ts";
import { bootDemo, CAREFUL, simulate } from "../support/simulated.ts";

const RANDOM_32 = /^[0-9a-f]{64}$/m;

for (const packed of ["off", "on"]) {
  const props = { packed };
  const ring = packed === "on" ? "packed" : "split";

  Deno.test(`boot to shell, ${ring} ring: random bytes come through the device`, async () => {
    const { code, output, kernel } = await simulate({ props, lines: ["rng 32", "rng 100"] });
    assertEquals(code, 0);
    assertMatch(output, RANDOM_32);
    assertEquals(
      output.match(/[0-9a-f]{64}/g)?.length,
      4,
      "32 bytes are one line, 100 are three full ones and a rest",
    );
    assertEquals(kernel.parts.drivers.failed, []);
    assertEquals(kernel.parts.drivers.all[0].queues()[0].kind, ring);
  });

  Deno.test(`a long output comes whole through the console's transmit queue, ${ring} ring`, async () => {
    const { output } = await simulate({ props, lines: ["rng 65536"] });
    const bytes = [...output.matchAll(/^[0-9a-f]{64}$/gm)].length * 32;
    assertEquals(bytes, 65536);
  });
}

Deno.test("the shell shows devices, rings, memory, tasks, interrupts and the walk of an address", async () => {
  const { output } = await simulate({
    props: { packed: "on" },
    lines: ["devices", "vq 0", "mem", "tasks", "interrupts", "virt2phys 0x123456", "echo one  two", "help"],
  });
  assertStringIncludes(
    output,
    `virtio-rng at ${TRANSPORT === "pci" ? "00:01.0" : "0xfeb00e00"} (${TRANSPORT})`,
  );
  assertMatch(output, /features .*VERSION_1 RING_PACKED/);
  assertMatch(output, /virtio-rng queue 0: packed, size \d+/);
  assertMatch(output, /device memory: \d+ allocations, offset 0x\d+/);
  assertStringIncludes(output, `offset ${CAREFUL ? "0x200000000000" : "0x0"}`);
  assertMatch(output, /shell +running/);
  assertMatch(output, /virtio-console.*: [1-9]\d*/);
  assertMatch(output, /PML4 table 0x\w+ \[0\]/);
  assertStringIncludes(output, "0x123456 -> 0x123456");
  assertStringIncludes(output, "one two\n");
  assertStringIncludes(output, "shutdown [CODE]");
});

Deno.test("wrong commands and arguments are said, and the shell goes on", async () => {
  const { code, output } = await simulate({
    lines: [
      "frobnicate",
      "rng",
      "rng -1",
      "rng 99999999",
      "vq 7",
      "virt2phys 0xffffffffffffffff",
      "constructor",
      "echo on",
    ],
  });
  assertEquals(code, 0);
  assertStringIncludes(output, "frobnicate: no such command");
  assertStringIncludes(output, "constructor: no such command");
  assertStringIncludes(output, "rng: the number of bytes must be 1 to 65536, not ''");
  assertStringIncludes(output, "not '-1'");
  assertStringIncludes(output, "vq: the device must be 0 to 1, not '7'");
  assertStringIncludes(output, "virt2phys: the address must be");
  assertStringIncludes(output, "\non\n");
});

Deno.test("shutdown gives the exit status; the end of the input gives 0", async () => {
  assertEquals((await simulate({ lines: ["shutdown 3", "rng 1"] })).code, 3);
  assertEquals((await simulate({ lines: ["shutdown"] })).code, 0);
  assertEquals((await simulate({ lines: [] })).code, 0);
});

Deno.test("line editing: backspace, erase line, abandon", async () => {
  const { output } = await simulate({
    lines: ["echp\x7fo ab\x08c", "garbage\x15echo fresh", "nonsense\x03echo last"],
  });
  assertStringIncludes(output, "\nac\n");
  assertStringIncludes(output, "\nfresh\n");
  assertStringIncludes(output, "\nlast\n");
});

Deno.test("Hermit's CI image stdin: a line is written to the console and comes back", async () => {
  const { code, output } = await simulate({ app: "stdin", lines: ["Hello, crab!"] });
  assertEquals(code, 0);
  assertMatch(output, /Hello, crab!\n(.*\n)*?Hello, crab!\n/);
});

Deno.test("an application that does not exist is refused before anything happens", () => {
  const error = assertThrows(() => bootDemo({ app: "doom" }), UnknownAppError);
  assertMatch(error.message, /there are: shell, httpd,.* stdin$/);
});

async function traced(seed: number, lines: string[]): Promise<string> {
  const events: string[] = [];
  const trace = { on: true, emit: (event: TraceEvent) => void events.push(JSON.stringify(event)) };
  await simulate({ seed, lines, trace });
  return events.join("\n");
}

Deno.test("the same seed and input give the same trace, byte for byte; another seed another", async () => {
  const first = await traced(7, ["rng 64", "vq"]);
  assert(first.length > 10_000);
  assertEquals(first, await traced(7, ["rng 64", "vq"]));
  assertNotEquals(first, await traced(8, ["rng 64", "vq"]));
});

Deno.test("two machines with different seeds run in one process without touching each other", async () => {
  const run = (seed: number) => simulate({ seed, lines: ["rng 64", "vq", "mem", "interrupts"] });
  const [alone1, alone2] = [await run(1), await run(2)];
  const [both1, both2] = await Promise.all([run(1), run(2)]);
  assertEquals(both1.output, alone1.output);
  assertEquals(both2.output, alone2.output);
  assertNotEquals(both1.output, both2.output);
});

Deno.test("a guest that nothing can wake says what it waits for, and ends", async () => {
  const { kernel, terminal } = bootDemo({ lines: [], strict: false });
  terminal.hangUp();
  assertEquals(await kernel.run(), 1);
  assertStringIncludes(terminal.output, "task shell waits for input on virtio-console");
});

Deno.test("a driver that cannot be shut down does not keep the machine running", async () => {
  const { kernel, terminal } = bootDemo({ lines: ["shutdown 0"], strict: false });
  const [rng] = kernel.parts.drivers.rng;
  rng.shutdown = () => {
    throw new Error("out of order");
  };
  terminal.hangUp();
  assertEquals(await kernel.run(), 1);
  assertMatch(kernel.parts.log.lines().join("\n"), /a driver cannot be shut down: Error: out of order/);
});

Deno.test("a polled device does not hold up an interrupt line that others share", async () => {
  // Without MSI-X all four lines of the bus carry INTx; rng is polled, and nobody would acknowledge its interrupt.
  const props: Props = TRANSPORT === "pci" ? { vectors: "0" } : {};
  const lines: string[] = [];
  const emit = (event: TraceEvent) => {
    if (event.ev === "irq_line" && event.level) lines.push(String(event.line));
  };
  const { output } = await simulate({ props, lines: ["rng 64", "interrupts"], trace: { on: true, emit } });
  assertMatch(output, /line \d+\) virtio-console: [1-9]/);
  assertEquals(new Set(lines).size, TRANSPORT === "pci" ? 1 : 2, `lines that rose: ${lines}`);
});

Deno.test("a slow device delays, and loses nothing", async () => {
  const { code, output } = await simulate({ latency: 5_000_000, lines: ["rng 64", "echo done"] });
  assertEquals(code, 0);
  assertEquals(output.match(/^[0-9a-f]{64}$/gm)?.length, 2);
  assertStringIncludes(output, "\ndone\n");
});
