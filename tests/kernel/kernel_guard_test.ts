import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { Console, type ConsoleDevice } from "../../kernel/console.ts";
import { Timers } from "../../kernel/timers.ts";
import { FakePlatform } from "../support/fake_platform.ts";
import { simulate } from "../support/simulated.ts";

Deno.test("timers fire by time, equal ones first come first served, also after some were removed from the middle", () => {
  const times = fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 20, maxLength: 60 });
  fc.assert(
    fc.property(times, fc.array(fc.nat(), { maxLength: 15 }), (adds, removes) => {
      const timers = new Timers();
      const fired: number[] = [];
      const live = adds.map((at, n) => {
        const waker = { wake: () => void fired.push(n), clone: () => waker };
        return { at, n, timer: timers.add(at, waker) };
      });
      for (const r of removes) timers.remove(live.splice(r % live.length, 1)[0].timer);
      live.sort((a, b) => a.at - b.at || a.n - b.n);
      assertEquals(timers.next(), live[0].at);
      // Bit by bit: a timer must not wait for one that is due later.
      for (let now = 0; now <= 200; now += 5) {
        timers.fire(now);
        assertEquals(fired, live.filter((l) => l.at <= now).map((l) => l.n));
      }
    }),
    { numRuns: 500 },
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
