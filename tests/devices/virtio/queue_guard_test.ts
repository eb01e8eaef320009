import { assertEquals } from "@std/assert";
import { DRIVER, RawDriver, WRITE } from "./_driver.ts";

/** Pops and pushes `n` single buffers without asking about interrupts. */
function use(d: RawDriver, n: number, batch: boolean): void {
  for (let i = 0; i < n; i++) {
    d.chain([{ len: 4, flags: WRITE }]);
    const chain = d.queue.pop()!;
    if (batch) {
      d.queue.fill(chain, 1);
      d.queue.flush();
    } else d.queue.push(chain, 1);
  }
}
const usedEvent = DRIVER + 4 + 2 * 8;

Deno.test("split: used_event among several new entries is passed, before and behind them it is not (virtio 1.4, 2.7.10)", () => {
  for (const [event, want] of [[2, false], [3, true], [4, true], [5, true], [6, false]] as const) {
    const d = new RawDriver({ packed: false, size: 8, eventIdx: true });
    use(d, 3, false);
    d.queue.shouldInterrupt();
    d.put(usedEvent, event);
    use(d, 3, false);
    assertEquals(d.queue.shouldInterrupt(), want, `used idx went from 3 to 6, used_event is ${event}`);
  }
});

for (const batch of [false, true]) {
  Deno.test(`split: after half a round without a question the device interrupts to be safe, as QEMU's flush (${batch ? "fill and flush" : "push"})`, () => {
    const d = new RawDriver({ packed: false, size: 8, eventIdx: true });
    use(d, 1, batch);
    d.queue.shouldInterrupt();
    // 32767 more can be told apart from less; of 32768 the sign is lost (int16_t in virtqueue_split_flush).
    d.put(usedEvent, (1 + 32767) & 0xffff);
    use(d, 32767, batch);
    assertEquals(d.queue.shouldInterrupt(), false);
    d.put(usedEvent, (1 + 32767 + 32768) & 0xffff);
    use(d, 32768, batch);
    assertEquals(d.queue.shouldInterrupt(), true);
  });
}
