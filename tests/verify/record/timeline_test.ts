import { testUnless } from "../../support/once.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { TraceEvent } from "../../../spec/trace.ts";
import { CHUNK, KINDS, NotRecordedError, readLine, Recorder, Timeline } from "../../../verify/record/mod.ts";
import { jsonLine } from "../../../verify/trace/mod.ts";
import { runTraced } from "../../support/recorded.ts";

/** A recording does not depend on the transport: these run once. */
const ignore = Deno.env.get("DENO_CONDITIONS") === "mmio" || Deno.env.get("CAREFUL") === "1";
const test = testUnless(ignore);

/** One of each kind, with and without what may be missing. */
const SAMPLES: TraceEvent[] = [
  { ev: "mmio_read", addr: 0xe000_4014, width: 1, value: 3, dev: "virtio-rng-pci.0", reg: "device_status" },
  { ev: "mmio_write", addr: 2 ** 40 + 8, width: 4, value: 0xffff_ffff },
  { ev: "port_read", port: 0x3fd, width: 1, value: 0x60, dev: "isa-serial.0", reg: "LSR" },
  { ev: "port_write", port: 0xcf8, width: 4, value: 0x8000_0000 },
  { ev: "pci_cfg_read", bdf: "00:03.0", offset: 0, width: 4, value: 0x1005_1af4, dev: "virtio-rng-pci.0" },
  { ev: "pci_cfg_write", bdf: "00:09.0", offset: 4, width: 2, value: 7 },
  {
    ev: "mem_write",
    by: "driver",
    addr: 0x10_5000,
    hex: "00ff12",
    area: "virtio-rng at 00:03.0 queue 0 desc",
  },
  { ev: "mem_write", by: "device", addr: 0x10_6ffe, hex: "abcdef01" },
  { ev: "mem_write", by: "driver", addr: 0x10_0000, hex: "a5", repeat: 4096 },
  { ev: "page_table_write", addr: 0x10_4058, hex: "03b000e0" },
  { ev: "page_table_root", addr: 0x10_0000 },
  { ev: "barrier", kind: "dma/write" },
  { ev: "notify", dev: "virtio-rng-pci.0", queue: 0 },
  { ev: "notify", dev: "virtio-rng-pci.0", queue: 1, data: 0 },
  { ev: "irq_line", line: 10, level: true, dev: "virtio-mmio-bus.7" },
  { ev: "irq_line", line: 10, level: false },
  { ev: "msi", addr: 0xfee0_0000, data: 0x41, dev: "virtio-serial-pci.0" },
  { ev: "interrupt", vector: 0x41 },
  { ev: "idle" },
  { ev: "idle", until: 1500 },
  { ev: "stuck" },
  {
    ...{
      ev: "rule",
      rule: "status-order",
      level: "violation",
      found: "status 4\nbefore 1",
      dev: "virtio-rng-pci.0",
    },
    report: JSON.stringify({ rule: "status-order", clauses: ["drivernormative:A#1"] }),
    queue: 0,
  },
  { ev: "task_switch", task: "shell" },
  { ev: "task_wait", task: "shell", on: "input on virtio-console" },
  { ev: "task_wait", task: "shell", on: "time", lost: "forgotten" },
  { ev: "task_end", task: "shell", how: "finished" },
  { ev: "input", chardev: "c0", hex: "0a" },
  { ev: "output", chardev: "c0", hex: "68690a" },
  { ev: "frame_in", netdev: "n0", hex: "ffffffffffff" },
  { ev: "frame_out", netdev: "n0", hex: "525400123456" },
  { ev: "machine", machine: "q35", memory: 64 << 20, commandLine: "-- ünicode" },
  { ev: "device", driver: "virtio-rng-pci", name: "virtio-rng-pci.0", place: "00:03.0" },
  {
    ev: "pci_function",
    bdf: "00:03.0",
    dev: "virtio-rng-pci.0",
    hex: "f4".repeat(256),
    mask: "0f".repeat(256),
  },
  { ev: "qemu", name: "virtqueue_pop", text: "vq 0x1 elem 0x2 in_num 1 out_num 0" },
];

test(
  { name: "every kind of event comes back as it was, from the recording and from a file" },
  () => {
    assertEquals(new Set(SAMPLES.map((e) => e.ev)), new Set(KINDS));
    const recorder = new Recorder();
    SAMPLES.forEach((event, i) => recorder.add(i * 500, event));
    const timeline = new Timeline(recorder);
    SAMPLES.forEach((event, i) => {
      assertEquals(timeline.event(i), event);
      assertEquals(timeline.time(i), i * 500);
      assertEquals(readLine(jsonLine(i * 500, event)), { t: i * 500, event });
    });
    assertEquals(timeline.stateAt(8).read(0x10_0ffe, 4), new Uint8Array([0xa5, 0xa5, 0, 0]));
    assertEquals(timeline.stateAt(7).read(0x10_6ffc, 8).toHex(), "0000abcdef010000");
    assertEquals(timeline.stateAt(-1).state.counts, {});
    assertThrows(() => timeline.stateAt(SAMPLES.length), NotRecordedError);
  },
);

test(
  { name: "a line of an unknown kind is passed over, one that is no record is an error" },
  () => {
    assertEquals(readLine('{"t":1,"ev":"from_the_future","x":1}'), undefined);
    assertThrows(() => readLine("hello"));
    assertThrows(() => readLine('{"ev":"interrupt"}'));
  },
);

/** A long run in which every byte of memory can be told from the number of the event. */
function long(count: number, limit: number): Timeline {
  const recorder = new Recorder(limit);
  recorder.add(0, { ev: "machine", machine: "q35", memory: 1 << 24, commandLine: "" });
  for (let i = 1; i < count; i++) {
    const addr = 0x10_0000 + (i % 100) * 4096;
    const hex = (i >>> 0).toString(16).padStart(8, "0");
    if (i % 7 === 0) recorder.add(i * 10, { ev: "interrupt", vector: 33 + i % 3 });
    else if (i % 7 === 1) {
      recorder.add(i * 10, { ev: "mmio_write", addr: 0xfeb0_0030, width: 4, value: i, dev: "d", reg: "r" });
    } else {recorder.add(i * 10, {
        ev: "mem_write",
        by: "device",
        addr,
        hex,
        area: "virtio-rng queue 0 used",
      });}
  }
  return new Timeline(recorder);
}
/** The number that the memory of slot k shows after event `at`. */
function expected(k: number, at: number): number {
  for (let i = at; i > 0; i--) if (i % 100 === k && i % 7 > 1) return i;
  return 0;
}

test({ name: "memory has a bound: the oldest events go, what is left is right" }, () => {
  const limit = 4 << 20, count = 200_000;
  const timeline = long(count, limit);
  assert(timeline.first > 0 && timeline.first % CHUNK === 0, `${timeline.first}`);
  assertEquals(timeline.length, count);
  assert(timeline.recorder.bytes <= limit, `${timeline.recorder.bytes} bytes`);
  const keep = count - timeline.first;
  assert(keep > 20_000, `${keep} events are kept in 4 MiB`);
  for (const at of [timeline.first - 1, timeline.first, timeline.first + 5000, count - 2, count - 1]) {
    const moment = timeline.stateAt(at);
    for (const k of [0, 13, 57, 99]) {
      const bytes = moment.read(0x10_0000 + k * 4096, 4);
      assertEquals(Number(`0x${bytes.toHex()}`), expected(k, at), `slot ${k} after event ${at}`);
    }
    // Counts go back to the beginning, dropped or not.
    assertEquals(moment.state.counts.interrupt, Math.floor(at / 7));
    assertEquals(moment.state.machine, "q35");
  }
  assertThrows(() => timeline.event(timeline.first - 1), NotRecordedError);
  assertThrows(() => timeline.stateAt(timeline.first - 2), NotRecordedError);
  assertEquals(timeline.find({ kinds: ["machine"] }, 0), undefined);
});

test({ name: "a million events: a seek anywhere takes less than 50 ms" }, () => {
  const timeline = long(1_000_000, 256 << 20);
  assertEquals(timeline.first, 0);
  const times: number[] = [];
  for (let i = 0; i < 40; i++) {
    const at = (i * 7_919_991) % 1_000_000;
    const start = performance.now();
    const moment = timeline.stateAt(at);
    moment.read(0x10_0000, 4096);
    times.push(performance.now() - start);
    assertEquals(moment.state.at, at);
  }
  times.sort((a, b) => a - b);
  // The median: a single one may be late because something else runs on this machine.
  assert(times[20] < 50, `median ${times[20].toFixed(1)} ms, worst ${times[39].toFixed(1)} ms`);
});

test(
  { name: "searches: by kind, address, device, register, value, forwards and backwards" },
  async () => {
    const recorder = new Recorder();
    await runTraced(recorder, { lines: ["rng 8"] });
    const timeline = new Timeline(recorder);
    const all = timeline.matches({ kinds: ["notify"] });
    assert(all.length > 3);
    assertEquals(timeline.find({ step: "notification" }, 0), all[0]);
    assertEquals(timeline.find({ step: "notification" }, all[0] + 1), all[1]);
    assertEquals(timeline.find({ step: "notification" }, all[2] - 1, -1), all[1]);
    assertEquals(timeline.find({ step: "notification" }, timeline.length, -1), all.at(-1));
    for (const at of timeline.matches({ step: "ring" })) {
      const event = timeline.event(at);
      assert(
        event.ev === "mem_write" && / queue \d+ (?!buffer)/.test(event.area ?? ""),
        JSON.stringify(event),
      );
    }
    const status = timeline.find({
      dev: "virtio-rng",
      reg: "device_status",
      kinds: ["mmio_write"],
      value: 0xf,
    }, 0)!;
    const { state } = timeline.stateAt(status);
    const rng = state.virtio.find((v) => v.name.startsWith("virtio-rng"))!;
    assertEquals([rng.status, rng.agreed, rng.queues.length, rng.queues[0].enabled], [15, true, 1, true]);
    const { used } = { used: rng.queues[0].device };
    const write = timeline.find({ from: used, to: used + 3 }, status)!;
    const event = timeline.event(write);
    assert(
      event.ev === "mem_write" && event.addr >= used - 64 && event.addr < used + 4,
      JSON.stringify(event),
    );
    assertEquals(timeline.find({ kinds: ["mem_write"], from: 0xdead_0000 }, 0), undefined);
    assertEquals(timeline.atTime(timeline.time(status)) <= status, true);
  },
);
