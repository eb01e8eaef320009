import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { Console, type ConsoleDevice } from "../../kernel/console.ts";
import { Timers } from "../../kernel/timers.ts";
import { FakePlatform } from "../support/fake_platform.ts";
import { simulate } from "../support/simulated.ts";

Deno.test("timers fire by time, equal ones first come first served, also after some were removed from the middle", () => {
  const step = fc.oneof(
    fc.record({ add: fc.integer({ min: 0, max: 20 }) }),
    fc.record({ remove: fc.nat(30) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const timers = new Timers();
      const live: { at: number; n: number; timer: ReturnType<Timers["add"]> }[] = [];
      const fired: number[] = [];
      let n = 0;
      for (const s of steps) {
        if ("add" in s) {
          const id = n++;
          const waker = { wake: () => void fired.push(id), clone: () => waker };
          live.push({ at: s.add, n: id, timer: timers.add(s.add, waker) });
        } else if (live.length > 0) {
          timers.remove(live.splice(s.remove % live.length, 1)[0].timer);
        }
      }
      live.sort((a, b) => a.at - b.at || a.n - b.n);
      assertEquals(timers.next(), live[0]?.at);
      timers.fire(100);
      assertEquals(fired, live.map((l) => l.n));
    }),
    { numRuns: 300 },
  );
});

Deno.test("a console whose device breaks goes on over the first one, in both directions", () => {
  const device = (name: string, output: number[], broken: boolean): ConsoleDevice => ({
    name,
    readReady: () => true,
    read(target) {
      if (broken) throw new Error("out of order");
      target[0] = 0x41;
      return 1;
    },
    write(bytes) {
      if (broken) throw new Error("out of order");
      output.push(...bytes);
      return bytes.length;
    },
    flush: () => {},
    onInput: undefined,
  });
  const output: number[] = [];
  const first = device("first", output, false);
  const console = new Console(new FakePlatform(), first);
  console.switchTo(device("second", [], true));
  console.write("hi");
  assertEquals(output, [0x68, 0x69]);
  assert(console.device === first);
  console.switchTo(device("third", [], true));
  assertEquals(console.tryReadByte(), 0x41);
  assert(console.device === first);
});

Deno.test("backspace takes back a whole character, however many bytes it has", async () => {
  const { output } = await simulate({ lines: ["echo <\u00e9\u007fa\u20ac\bb\u{1f980}\u007f>"] });
  assertStringIncludes(output, "\n<ab>");
});

Deno.test("shutdown leaves devices reset and no device memory behind", async () => {
  const { kernel, output } = await simulate({ lines: ["rng 32"] });
  assertEquals(kernel.parts.deviceAlloc.live(), []);
  assertEquals(kernel.parts.drivers.all.map((d) => d.status()), kernel.parts.drivers.all.map(() => 0));
  assertEquals(output.includes("was not freed"), false);
});
