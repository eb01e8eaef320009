import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { linesOf, MAX_LINE } from "../../../verify/compare/lines.ts";
import { readTraceFile, TraceInputError, Vocabulary } from "../../../verify/compare/mod.ts";
import { onceTest } from "../../support/once.ts";
import { compare, inFolder } from "./_support.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const read = async (text: string | Uint8Array, name = "x") =>
  (await readTraceFile(name, [typeof text === "string" ? encode(text) : text], new Vocabulary())).side;
/** All texts of a device's lane. */
async function texts(text: string, lane: string): Promise<string[]> {
  const vocabulary = new Vocabulary();
  const { side } = await readTraceFile("x", [encode(text)], vocabulary);
  return side.devices.flatMap((d) => d.lanes.filter((l) => l.lane === lane)).flatMap(({ steps }) =>
    Array.from({ length: steps.length }, (_, i) => vocabulary.infos[steps.info[i]].text)
  );
}

// Lines of a real QEMU 7.2.22, with and without the prefix of its log back end.
const REAL =
  `memory_region_ops_write cpu 0 mr 0x5585aa27bbe0 addr 0xe0004014 value 0x3 size 1 name 'virtio-pci-common-virtio-rng'
virtio_set_status vdev 0x5585aa283470 val 3
memory_region_ops_write cpu 0 mr 0x5585aa27bbe0 addr 0xe0004008 value 0x1 size 4 name 'virtio-pci-common-virtio-rng'
memory_region_ops_write cpu 0 mr 0x5585aa27bbe0 addr 0xe000400c value 0x101 size 4 name 'virtio-pci-common-virtio-rng'
memory_region_ops_write cpu 0 mr 0x5585aa27bbe0 addr 0xe0004016 value 0x0 size 2 name 'virtio-pci-common-virtio-rng'
memory_region_ops_write cpu 0 mr 0x5585aa27bbe0 addr 0xe0004020 value 0x105010 size 4 name 'virtio-pci-common-virtio-rng'
virtqueue_pop vq 0x5585aa28ba20 elem 0x5585a9493040 in_num 1 out_num 0
virtqueue_pop vq 0x5585aa28ba20 elem 0x5585a9493999 in_num 1 out_num 2
virtqueue_fill vq 0x5585aa28ba20 elem 0x5585a9493999 len 32 idx 0
virtqueue_flush vq 0x5585aa28ba20 count 1
virtio_queue_notify vdev 0x5585aa283470 n 0 vq 0x5585aa28ba20
`;

onceTest("compare: QEMU's lines become steps: names of registers, bits, queues; no addresses", async () => {
  for (const text of [REAL, REAL.replace(/^/gm, "5597@1796012545.579448:").replace(/5597@[\d.]+:$/, "")]) {
    assertEquals(await texts(text, "driver"), [
      "device_status:1 <- 0x3 ACKNOWLEDGE|DRIVER",
      "driver_feature_select:4 <- 0x1",
      "driver_feature[1]:4 <- 0x101 VERSION_1 RING_RESET",
      "queue_select:2 <- 0x0",
      "queue 0 queue_desc:4 <- (address, page + 0x10)",
    ]);
    // Which queue it is, and whose, is said only in the last line.
    assertEquals(await texts(text, "device"), [
      "takes a buffer: 0 to read, 1 to write",
      "takes a buffer: 2 to read, 1 to write",
      "uses 1 after the oldest: 32 bytes written",
      "publishes 1",
    ]);
    const side = await read(text);
    assertEquals([side.format, side.devices.length, side.devices[0].type], ["QEMU log", 1, "virtio-rng"]);
    assertEquals(side.devices[0].lanes.map((l) => [l.lane, l.queue]), [
      ["driver", undefined],
      ["status", undefined],
      ["notify", 0],
      ["device", 0],
    ]);
    assert(!side.can.has("kick") && side.can.has("notify") && side.can.has("pop"));
  }
});

onceTest(
  "compare: of a trace on QEMU, without names, registers are found by the BARs, and messages by the MSI-X table",
  async () => {
    const lines: string[] = [];
    const x = (n: number) => `0x${n.toString(16)}`;
    const access = (ev: string, place: string, width: number, value: number) =>
      void lines.push(`{"t":1,"ev":"${ev}",${place},"width":${width},"value":"${x(value)}"}`);
    const config = (way: "read" | "write", at: number, width: number, value: number) => {
      access("port_write", '"port":"0xcf8"', 4, 0x8000_1800 + (at & 0xfc));
      access(`port_${way}`, `"port":"${x(0xcfc + (at & 3))}"`, width, value);
    };
    const store = (addr: number, width: number, value: number) =>
      access("mmio_write", `"addr":"${x(addr)}"`, width, value);
    // A transitional console (virtio 1.4, 4.1.2.3): MSI-X in BAR 1, the common configuration at 0x1000 of BAR 4 of 64 bits.
    config("read", 0, 4, 0x1003_1af4);
    config("write", 0x14, 4, 0xffff_ffff);
    config("write", 0x14, 4, 0xfe00_0000);
    config("write", 0x20, 4, 0x0000_000c);
    config("write", 0x24, 4, 0x80);
    config("read", 0x34, 1, 0x40);
    config("read", 0x40, 4, 0x0001_5011);
    config("read", 0x44, 4, 0x1);
    config("read", 0x50, 4, 0x0110_0009);
    config("read", 0x54, 1, 4);
    config("read", 0x58, 4, 0x1000);
    config("read", 0x5c, 4, 0x38);
    store(0xfe00_0018, 4, 0x41);
    store(0x80_0000_1014, 1, 1);
    // Behind the structure, and in no BAR at all.
    store(0x80_0000_1038, 4, 7);
    store(0xfec0_0000, 4, 7);
    for (const vector of [0x41, 0x42]) {
      lines.push(`{"t":3,"ev":"msi","addr":"0x9f100","data":"${x(vector)}"}`);
    }
    const text = lines.join("\n") + "\n";
    assertEquals(await texts(text, "driver"), [
      "msix[1].data:4 <- (vector)",
      "device_status:1 <- 0x1 ACKNOWLEDGE",
    ]);
    assertEquals(await texts(text, "message"), ["message of MSI-X entry 1"]);
    const side = await read(text);
    assertEquals([side.format, side.devices.map((d) => d.type)], ["on QEMU", ["virtio-console"]]);
    assertEquals(side.leftOut.get("messages of no virtio device"), 1);
    assertEquals(side.leftOut.get("accesses to memory that no device is known for"), 2);
  },
);

onceTest(
  "compare: devices that a log has pointers for only are matched by what they did",
  () =>
    inFolder(async (path) => {
      const ring = (vdev: string, vq: string, n: number, write: number, times: number) =>
        [
          `virtio_set_status vdev ${vdev} val 15`,
          ...Array.from({ length: times }, (_, k) => [
            `virtio_queue_notify vdev ${vdev} n ${n} vq ${vq}`,
            `virtqueue_pop vq ${vq} elem 0x${k} in_num ${write} out_num ${1 - write}`,
            `virtqueue_fill vq ${vq} elem 0x${k} len 32 idx 0`,
          ]).flat(),
        ].join("\n") + "\n";
      await Deno.writeTextFile(path("a"), ring("0x10", "0xa1", 0, 1, 3) + ring("0x20", "0xa2", 1, 0, 5));
      await Deno.writeTextFile(path("b"), ring("0x55b0", "0xb2", 1, 0, 5) + ring("0x55a0", "0xb1", 0, 1, 3));
      const { code, out } = await compare(path("a"), path("b"));
      assertEquals(code, 0, out);
      // Named on one side only: our own log against QEMU's.
      await Deno.writeTextFile(
        path("c"),
        ring("virtio-rng-pci.0", "0xc1", 0, 1, 3) + ring("virtio-serial-pci.0", "0xc2", 1, 0, 5),
      );
      const named = await compare(path("c"), path("b"));
      assertEquals(named.code, 0, named.out);
      assertStringIncludes(named.out, "virtio-console queue 1, device: 10 steps, same");
    }),
);

onceTest("compare: after a reset of the device its rings are no rings any more", async () => {
  const x = (n: number) => `0x${n.toString(16)}`;
  const store = (reg: string, value: number) =>
    `{"t":1,"ev":"mmio_write","addr":"0xe0000000","width":4,"value":"${
      x(value)
    }","dev":"virtio-rng-pci.0","reg":"${reg}"}`;
  const length = (n: number) =>
    `{"t":2,"ev":"mem_write","by":"driver","addr":"0x1008","hex":"${n.toString(16)}000000"}`;
  const lines = [
    ...[store("queue_select", 0), store("queue_size", 8), store("queue_desc", 0x1000)],
    ...[store("queue_driver", 0x2000), store("queue_device", 0x3000), store("queue_enable", 1)],
    ...[length(0x20), store("device_status", 0), length(0x40), store("device_status", 1)],
  ];
  const steps = (await texts(lines.join("\n") + "\n", "driver")).slice(6);
  assertEquals(steps, [
    "queue 0 desc[0].len <- 32",
    "device_status:4 <- 0",
    "device_status:4 <- 0x1 ACKNOWLEDGE",
  ]);
  assertEquals((await read(lines.join("\n") + "\n")).leftOut.get("writes to buffers"), 1);
});

onceTest(
  "compare: notifications that partly go past the registers are not compared as register accesses",
  async () => {
    const kick =
      "memory_region_ops_write cpu 0 mr 0x5585aa27bbe0 addr 0xe0007000 value 0x0 size 2 name 'virtio-pci-notify-virtio-rng'\n";
    const told = "virtio_queue_notify vdev 0x5585aa283470 n 0 vq 0x5585aa28ba20\n";
    const all = await read(REAL + kick);
    assertEquals([all.can.has("kick"), all.cannot.get("kick")], [true, undefined]);
    const some = await read(REAL + kick + told);
    assertEquals(some.can.has("kick"), false);
    assertEquals(some.cannot.get("kick"), "1 of 2 notifications show as register accesses (ioeventfd)");
  },
);

onceTest("compare: a file that is no trace, or not whole, is an error that names file and line", async () => {
  const refuse = async (text: string | Uint8Array, message: string) => {
    const error = await assertRejects(() => read(text), TraceInputError);
    assertStringIncludes(error.message, message);
  };
  await refuse("", "x: is empty");
  await refuse("\n\n", "x: is empty");
  await refuse(
    "hello\nworld\n",
    "x: none of its 2 lines is a trace event; expected JSON lines (--trace FILE)",
  );
  await refuse(
    '{"name":"x"}\n',
    'x:1: JSON, but no trace: found {"name":"x"}, expected records with "t" and "ev"',
  );
  await refuse('{\n "name": "x"\n}\n', "x:1: JSON, but no trace");
  await refuse("[1,2]\n", "x:1: JSON, but no trace: found [1,2]");
  await refuse(Uint8Array.of(0x1f, 0x8b, 8, 0, 1, 2, 3, 10), "x:1: bytes that are no text");
  await refuse(Uint8Array.of(65, 10, 0xff, 0xfe, 10), "x:2: bytes that are no text");
  const record = '{"t":1,"ev":"interrupt","vector":"0x21"}\n';
  await refuse(`${record}${record.slice(0, 20)}`, "x:2: the file ends in the middle of a line");
  await refuse(`${record}{"t":1,"ev"\n${record}`, "x:2: not a line of JSON");
  await refuse(`${record}{"t":1}\n`, "x:2: not a record of a trace");
  await refuse(REAL.slice(0, -12), "x:11: the file ends in the middle of a line: ");
  await refuse(
    REAL.replace("val 3", "val three"),
    'x:2: virtio_set_status: found "vdev 0x5585aa283470 val three", expected "vdev DEVICE val N"',
  );
  await refuse(REAL.replace("addr 0xe0004014 ", ""), "x:1: memory_region_ops_write: found");
  const golden = Deno.readTextFileSync(new URL("../../data/golden/split/direct_1s1r.json", import.meta.url));
  await refuse(golden.slice(0, 5000), "a golden trace that is not whole");
  await refuse(golden.replace('"queue_type":"split"', '"queue_type":"ring"'), 'x: queue_type: found "ring"');
  await refuse(new Uint8Array(MAX_LINE + 2).fill(97), "x:1: a line of more than 16 MiB");
  // A whole last line needs no newline; a golden trace may be printed over many lines.
  assertEquals((await read(record.trimEnd())).lines, 1);
  assertEquals((await read(JSON.stringify(JSON.parse(golden), null, 2))).format, "golden");
});

onceTest("compare: lines are found whatever the chunks are", async () => {
  const bytes = encode("ä\r\n\nlast");
  for (let size = 1; size <= bytes.length; size++) {
    const chunks = [];
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
    const lines = [];
    for await (const { text, number, ended } of linesOf("x", chunks)) lines.push([text, number, ended]);
    assertEquals(lines, [["ä", 1, true], ["", 2, true], ["last", 3, false]]);
  }
});

onceTest(
  "compare: files that cannot be read, and wrong options, end with 2 and say why",
  () =>
    inFolder(async (path) => {
      await Deno.writeTextFile(path("log"), REAL);
      const refuse = async (message: string, ...argv: string[]) => {
        const { code, out, err } = await compare(...argv);
        assertEquals([code, out], [2, ""]);
        assertStringIncludes(err, message);
      };
      await refuse(`${path("none")}: no such file`, path("none"), path("log"));
      await refuse("is a folder", path("log"), path("."));
      await refuse("a second trace is needed", path("log"));
      await refuse("found 0 files");
      await refuse("found 3 files", "a", "b", "c");
      await refuse("--colour: unknown option (possible: --all,", "--colour", "a", "b");
      await refuse("--kind foo: unknown kind (possible: read, write,", "--kind", "foo", "a", "b");
      await refuse("--width 12: expected a whole number from 40 to 1000", "--width", "12", "a", "b");
      await refuse("--context: needs a value", "a", "b", "--context");
      await refuse("--kind: given twice", "--kind=read", "--kind=pop", "a", "b");
      const help = await compare("--help");
      assertEquals(help.code, 0);
      for (const word of ["--kind", "interrupt", "Exit status", "-trace 'virtqueue*'"]) {
        assertStringIncludes(help.out, word);
      }
      assertEquals((await compare(path("log"), path("log"))).code, 0);
    }),
);
