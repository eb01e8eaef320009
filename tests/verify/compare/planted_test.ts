import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { compareSides, differencesOf, readTraceFile, Vocabulary } from "../../../verify/compare/mod.ts";
import { report as printed } from "../../../verify/compare/print.ts";
import { onceTest } from "../../support/once.ts";
import { compare, inFolder, RNG_MACHINE, RNG_SESSION, session } from "./_support.ts";

/** Lines of a simulated session in both formats. */
async function recorded(
  fn: (json: string[], log: string[], path: (name: string) => string) => Promise<void>,
) {
  await inFolder(async (path) => {
    await session("simulated", RNG_MACHINE, RNG_SESSION, { json: path("a.jsonl"), log: path("a.log") });
    const lines = (name: string) => Deno.readTextFileSync(path(name)).trimEnd().split("\n");
    await fn(lines("a.jsonl"), lines("a.log"), path);
  });
}
const find = (lines: string[], ...words: string[]) => {
  const at = lines.findIndex((l) => words.every((w) => l.includes(w)));
  assert(at >= 0, words.join(" "));
  return at;
};

interface Planted {
  readonly what: string;
  readonly plant: (lines: string[]) => void;
  /** What the explanation must say. */
  readonly says: readonly string[];
}
const PLANTED: readonly Planted[] = [
  {
    what: "another feature is accepted",
    plant: (l) => {
      const at = find(l, '"driver_feature"', '"0x101"');
      l[at] = l[at].replace("0x101", "0x1");
    },
    says: [
      "A writes driver_feature[1]:4 <- 0x101 VERSION_1 RING_RESET (line ",
      "B writes driver_feature[1]:4 <- 0x1 VERSION_1 (line ",
      "Only A has RING_RESET.",
      "features that the driver accepts (virtio 1.4, 2.2, 3.1.1)",
    ],
  },
  {
    what: "the driver does not look whether FEATURES_OK stayed",
    plant: (l) => void l.splice(find(l, "mmio_read", '"device_status"', '"0xb"'), 1),
    says: ["A reads device_status:1 -> 0xb ACKNOWLEDGE|DRIVER|FEATURES_OK", "B does not: next it "],
  },
  {
    what: "the driver does not wait for the reset",
    plant: (l) => {
      const at = find(l, "mmio_write", '"device_status"', '"0x0"');
      for (let k = at + 1; l[k] !== undefined && !/mmio_write.*device_status/.test(l[k]);) {
        if (/mmio_read.*device_status/.test(l[k])) l.splice(k, 1);
        else k++;
      }
    },
    says: ["Looks like a known divergence of Hermit: Hermit's reset_dev does not wait for status 0"],
  },
  {
    what: "a buffer is shorter",
    plant: (l) => {
      const at = find(l, '"by":"driver"', '"hex":"20000000"', "queue 0 desc");
      l[at] = l[at].replace("20000000", "10000000");
    },
    says: [
      "queue 0 desc[0].len <- 32",
      "queue 0 desc[0].len <- 16",
      "how long a buffer is (virtio 1.4, 2.7.5",
    ],
  },
  {
    what: "no barrier before the index",
    plant: (l) => void l.splice(find(l, '"ev":"barrier"', "write"), 1),
    says: [
      "A executes smp/write (line ",
      "what is visible to the device before what (virtio 1.4, 2.7.13.3.1",
    ],
  },
  {
    what: "the wrong kind of barrier",
    plant: (l) => {
      const at = find(l, '"ev":"barrier"', "smp/write");
      l[at] = l[at].replace("smp/", "dma/");
    },
    says: ["Looks like a known divergence of Hermit: D08"],
  },
  {
    what: "a notification is missing",
    plant: (l) => void l.splice(find(l, "mmio_write", '"notify[0]"'), 1),
    says: ['A sends "notify queue 0:2" (line ', "time alone can make this difference"],
  },
  {
    what: "a notification before DRIVER_OK",
    plant: (l) =>
      void l.splice(
        find(l, "mmio_write", '"device_status"', '"0xf"'),
        0,
        l[find(l, "mmio_write", '"notify[0]"')],
      ),
    says: ["B notifies the device before DRIVER_OK, which a driver must not do (virtio 1.4, 3.1.1)."],
  },
  {
    what: "two registers in the other order",
    plant: (l) => {
      const a = find(l, "mmio_write", '"queue_desc"'), b = find(l, "mmio_write", '"queue_desc_hi"');
      [l[a], l[b]] = [l[b], l[a]];
    },
    says: ["queue 0 queue_desc", "where the descriptor area is (virtio 1.4, 4.1.5.1.3, 2.7.5)"],
  },
  {
    what: "a device that writes less",
    plant: (l) => {
      const at = find(l, "virtqueue_fill", "len 32");
      l[at] = l[at].replace("len 32", "len 31");
    },
    says: ["A uses the oldest: 32 bytes written", "B uses the oldest: 31 bytes written"],
  },
  {
    what: "a used ring that the device writes otherwise",
    plant: (l) => {
      const at = find(l, '"by":"device"', '"hex":"0100"', "used");
      l[at] = l[at].replace('"hex":"0100"', '"hex":"0200"');
    },
    says: [
      "queue 0 used.idx <- 1",
      "queue 0 used.idx <- 2",
      "how many buffers were used (virtio 1.4, 2.7.8)",
    ],
  },
];

onceTest(
  "compare: a planted difference is found and explained, and nothing far from it differs",
  () =>
    recorded(async (json, _log, path) => {
      for (const { what, plant, says } of PLANTED) {
        const lines = [...json];
        plant(lines);
        await Deno.writeTextFile(path("b.jsonl"), lines.join("\n") + "\n");
        const { code, out, err } = await compare(path("a.jsonl"), path("b.jsonl"));
        assertEquals([code, err], [1, ""], what);
        const words = out.slice(out.lastIndexOf("\nthe first"));
        for (const text of says) assertStringIncludes(words, text, what);
        // Steps that changed places are missing here and too many there; a field is put right by the next write to it.
        assert(Number(out.match(/^(\d+) differences?/m)![1]) <= 2, `${what}: ${words}`);
      }
      assertEquals((await compare(path("a.jsonl"), path("a.jsonl"))).code, 0);
    }),
);

onceTest(
  "compare: addresses, times, pointers and seeds of entropy make no difference",
  () =>
    recorded(async (json, log, path) => {
      // Every page of device memory somewhere else, later: in registers, descriptors and writes.
      const moved = json.map((l) =>
        l.replace(/("addr":"0x|"value":"0x)10([0-9a-f]{4})"/, '$130$2"')
          .replace(/"hex":"(..)(..)1000"/, '"hex":"$1$23000"')
          .replace(/"t":(\d+)/, (_, t) => `"t":${Number(t) + 12345}`)
      );
      await Deno.writeTextFile(path("b.jsonl"), moved.join("\n") + "\n");
      assert(moved.filter((l, i) => l.replace(/"t":\d+/, "") !== json[i].replace(/"t":\d+/, "")).length > 20);
      const trace = await compare("--kind", "-pop,-push,-used,-interrupt", path("a.jsonl"), path("b.jsonl"));
      assertEquals(trace.code, 0, trace.out);
      const other = log.map((l) =>
        `77@1.5:${l.replace(/elem 0x(\w+)/, "elem 0x5555$1").replace(/vq 0x(\w+)/, "vq 0x7777$1")}`
      );
      await Deno.writeTextFile(path("b.log"), other.join("\n") + "\n");
      assertEquals((await compare(path("a.log"), path("b.log"))).code, 0);
      await session("simulated", `${RNG_MACHINE} --seed 99`, RNG_SESSION, {
        json: path("c.jsonl"),
        log: path("c.log"),
      });
      const seeds = await compare(path("a.jsonl"), path("c.jsonl"));
      assertEquals(seeds.code, 0, seeds.out);
    }),
);

onceTest(
  "compare: of lines that were taken out and put in no more is different than that",
  () =>
    recorded(async (_json, log) => {
      const steps = log.map((l, i) => /^virtqueue_flush|^virtio_queue_notify/.test(l) ? i : -1).filter((
        i,
      ) => i >= 0);
      const read = async (lines: readonly string[], vocabulary: Vocabulary) =>
        (await readTraceFile("x", [new TextEncoder().encode(lines.join("\n") + "\n")], vocabulary)).side;
      const places = fc.uniqueArray(fc.nat({ max: steps.length - 1 }), { maxLength: 6, size: "max" });
      await fc.assert(
        fc.asyncProperty(places, places, async (out, twice) => {
          const lines = log.flatMap((l, i) => {
            const n = steps.indexOf(i);
            return n < 0 ? [l] : [...out.includes(n) ? [] : [l], ...twice.includes(n) ? [l] : []];
          });
          const vocabulary = new Vocabulary();
          const [a, b] = [await read(log, vocabulary), await read(lines, vocabulary)];
          const comparison = compareSides(a, b, vocabulary, {
            devices: [],
            only: new Set(["pop", "push", "notify"]),
          });
          const script = differencesOf(comparison).reduce(
            (n, { hunk: h }) => n + h.a1 - h.a0 + h.b1 - h.b0,
            0,
          );
          const only = (xs: number[], ys: number[]) => xs.filter((x) => !ys.includes(x)).length;
          const [less, more] = [only(out, twice), only(twice, out)];
          assert(script <= less + more, `${script} steps for ${less} less and ${more} more`);
          assert(script >= Math.abs(less - more), `${script} steps for ${less} less and ${more} more`);
        }),
        { numRuns: 40 },
      );
    }),
);

onceTest(
  "compare: devices and kinds can be chosen, all steps shown, and the result had as JSON",
  () =>
    recorded(async (json, _log, path) => {
      const lines = [...json];
      PLANTED[0].plant(lines);
      await Deno.writeTextFile(path("b.jsonl"), lines.join("\n") + "\n");
      const files = [path("a.jsonl"), path("b.jsonl")];
      assertEquals((await compare("--kind", "ring,notify", ...files)).code, 0);
      assertEquals((await compare("--kind", "-write", ...files)).code, 0);
      assertEquals((await compare("--device", "rng", ...files)).code, 1);
      const none = await compare("--device", "net", ...files);
      assertStringIncludes(none.out, "nothing was compared");
      assertStringIncludes((await compare("--kind", "+config", ...files)).out, "virtio-rng, config: ");
      const short = await compare("--context", "1", "--width", "80", ...files);
      assert(
        short.out.split("\n").filter((l) => /^[ <>~] +\d/.test(l)).every((l) => l.length <= 80),
        short.out,
      );
      assert(!short.out.includes("\x1b"), "no colours where there is no terminal");
      const vocabulary = new Vocabulary();
      const [one, other] = await Promise.all(
        files.map(async (f) => (await readTraceFile(f, [await Deno.readFile(f)], vocabulary)).side),
      );
      const comparison = compareSides(one, other, vocabulary, { devices: [] });
      const lined = (color: boolean) => [...printed(comparison, { width: 100, color, context: 1, rows: 40 })];
      const changed = lined(true).find((l) => l.includes("driver_feature[1]"))!;
      // deno-lint-ignore no-control-regex
      assert(/^\x1b\[33m~ .*\x1b\[0m$/.test(changed), JSON.stringify(changed));
      // deno-lint-ignore no-control-regex
      assertEquals(lined(true).map((l) => l.replace(/\x1b\[\d*m/g, "")), lined(false));
      const all = await compare("--all", ...files);
      assert(all.out.length > 5 * short.out.length);
      assertStringIncludes(all.out, "takes a buffer: 0 to read, 1 to write");
      const report = JSON.parse((await compare("--json", ...files)).out);
      assertEquals([report.same, report.a.format, report.differences.length], [false, "simulated", 1]);
      assertEquals([report.first.device, report.first.lane, report.first.time], [
        "virtio-rng",
        "driver",
        false,
      ]);
      assertEquals(report.first.a[0].text, "driver_feature[1]:4 <- 0x101 VERSION_1 RING_RESET");
      assertEquals(report.first.a[0].line, find(json, '"driver_feature"', '"0x101"') + 1);
    }),
);
