import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { KernelRandom } from "../../kernel/random.ts";
import { onceTest } from "../support/once.ts";

onceTest(
  "the numbers are ChaCha20's: the first two blocks under the key of zeros (RFC 8439, appendix A.1)",
  () => {
    const random = new KernelRandom(new Uint8Array(32));
    const words = Array.from({ length: 32 }, () => random.u32().toString(16).padStart(8, "0"));
    assertEquals(
      words.slice(0, 16).join(" "),
      [
        "ade0b876 903df1a0 e56a5d40 28bd8653 b819d2bd 1aed8da0 ccef36a8 c70d778b",
        "7c5941da 8d485751 3fe02477 374ad8b8 f4b8436a 1ca11815 69b687c3 8665eeb2",
      ].join(" "),
    );
    assertEquals(
      words.slice(16).join(" "),
      [
        "bee7079f 7a385155 7c97ba98 0d082d73 a0290fcb 6965e348 3e53c612 ed7aee32",
        "7621b729 434ee69c b03371d5 d539d874 281fed31 45fb0a51 1f0ae1ac 6f4d794b",
      ].join(" "),
    );
  },
);

onceTest("every byte of a seed counts, of whatever length, and the numbers are spread evenly", () => {
  const first = (seed: number[]) => new KernelRandom(Uint8Array.from(seed)).u32();
  const seen = new Set<number>();
  for (let length = 0; length < 40; length++) {
    const seed = new Array<number>(length).fill(7);
    seen.add(first(seed));
    for (let i = 0; i < length; i++) seen.add(first(seed.with(i, 8)));
  }
  assertEquals(seen.size, 40 + 39 * 40 / 2);
  assertNotEquals(first([1, 2]), first([2, 1]));
  const random = new KernelRandom(Uint8Array.of(1)), counts = new Array<number>(10).fill(0);
  for (let i = 0; i < 10_000; i++) counts[random.below(10)]++;
  assert(counts.every((n) => n > 850 && n < 1150), `${counts}`);
});
