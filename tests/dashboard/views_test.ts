import { testUnless } from "../support/once.ts";
import { assert, assertEquals } from "@std/assert";
import { featuresFromWords } from "../../spec/virtio/features.ts";
import { type VirtAddr, virtAddr } from "../../arch/addresses.ts";
import {
  dump,
  eventLine,
  interrupts,
  negotiation,
  pageWalk,
  pciFunctions,
  regions,
  registers,
} from "../../dashboard/lib/views/mod.ts";
import { BUILT, momentAt, record, type Recorded } from "./recorded_run.ts";

const ignore = Deno.env.get("CAREFUL") === "1";
const runs: Promise<Recorded>[] = [];
/** One run for all: nothing here changes it. */
const theRun = () => runs[0] ??= record(["rng 40", "devices"]);
const end = (run: Recorded) => momentAt(run, run.timeline.length - 1);
/** The last sample before the kernel resets its devices. */
const sample = (run: Recorded) =>
  run.samples.findLast((x) => momentAt(run, x.at).state.virtio.every((v) => v.status === 15))!;
const working = (run: Recorded) => momentAt(run, sample(run).at);
const test = testUnless(ignore);

test("features that both hold to are the driver's", async () => {
  const run = await theRun();
  const { state } = working(run);
  const drivers = run.kernel.parts.drivers.all;
  assertEquals(drivers.length, 3);
  for (const driver of drivers) {
    const v = state.virtio.find((x) => x.id === driver.virtioId)!;
    const n = negotiation(v);
    const agreed = n.rows.filter((r) => r.agreed).reduce((set, r) => set | 1n << BigInt(r.bit), 0n);
    assertEquals(agreed, driver.features, driver.name);
    assertEquals(agreed, featuresFromWords(v.accepted));
    assert(n.rows.every((r) => r.offered), "the driver asks for nothing that is not offered");
    assert(n.rows.some((r) => r.offered && !r.wanted) || driver.virtioId === 4);
    assertEquals(n.unmet, []);
  }
});

test("negotiation is seen as it happens: offered first, agreed only with FEATURES_OK", async () => {
  const run = await theRun();
  const { timeline } = run;
  const at = timeline.find({ kinds: ["mmio_write"], reg: "status", value: 11 }, 0)!;
  const before = momentAt(run, at - 1).state.virtio.find((v) => v.status === 3)!;
  const n = negotiation(before);
  assertEquals(n.steps.map((s) => s.done), [true, true, false, false]);
  assert(n.rows.some((r) => r.offered && r.wanted) && n.rows.every((r) => !r.agreed));
  const after = momentAt(run, at).state.virtio.find((v) => v.name === before.name)!;
  assert(negotiation(after).rows.some((r) => r.agreed));
});

test("interrupts are counted as the kernel counts them", async () => {
  const run = await theRun();
  const seen = interrupts(end(run).state);
  let total = 0;
  for (const s of run.kernel.parts.interrupts.statistics()) {
    total += s.count;
    const row = seen.vectors.find((v) => v.vector === s.vector);
    if (s.count === 0) continue;
    assert(row !== undefined && row.count >= s.count, `vector ${s.vector}: ${row?.count}, ${s.count}`);
    assert(row.from !== "", `vector ${s.vector} comes from nowhere`);
  }
  assert(total > 3, `only ${total} interrupts`);
  if (BUILT === "pci") assert(seen.messages.length > 0);
  else {assert(seen.lines.some((l) =>
      l.rises > 0 && l.devices.startsWith("virtio-mmio-bus.") && l.vector > 0
    ));}
});

test("a message is named by the queues whose vector points at it, as the driver has set them up", async () => {
  const run = await theRun();
  const { messages, vectors } = interrupts(working(run).state);
  if (BUILT === "mmio") return assertEquals(messages, []);
  const kernel = run.kernel.parts.interrupts.statistics().filter((s) => s.line === undefined);
  assertEquals(messages.map((m) => m.vector), kernel.map((s) => s.vector), "those never sent are listed too");
  const names = new Map(kernel.map((s) => [s.vector, s.name]));
  for (const m of messages) {
    assertEquals(/config/.test(m.purpose), names.get(m.vector)!.endsWith("config"), m.purpose);
    assertEquals(/queue \d/.test(m.purpose), names.get(m.vector)!.endsWith("queue"), m.purpose);
  }
  // virtio 1.4, 5.1.2: receiveq1 is queue 0, transmitq1 queue 1.
  const net = messages.filter((m) => m.device.startsWith("virtio-net")).map((m) => m.purpose);
  assertEquals(net.slice(1), ["queue 0 (receive)", "queue 1 (transmit)"]);
  assert(vectors.some((v) => v.from === "message of virtio-net-pci.0: queue 0 (receive)"));
});

test("a page walk ends where the kernel's does, level by level", async () => {
  const run = await theRun();
  const { state, read } = working(run);
  const { paging } = run.kernel.parts;
  const addresses = [
    0,
    0x1000,
    0x10_0000,
    0x20_0123,
    0x3ff_ffff,
    0x7f_ffff_f000,
    0xe000_4014,
    0xfee0_0000,
    0xfeb0_0000,
  ];
  let mapped = 0;
  for (const q of state.virtio.flatMap((v) => v.queues)) addresses.push(q.desc + 24, q.device);
  for (const address of addresses) {
    const virt: VirtAddr = virtAddr(address);
    const walk = pageWalk(state.pageTableRoot, BigInt(address), read)!;
    assertEquals(walk.physical, paging.virtualToPhysical(virt) as number | undefined, address.toString(16));
    assertEquals(
      walk.steps.map((s) => [s.table, s.index, (BigInt(s.high) << 32n) | BigInt(s.low)]),
      paging.walk(virt).map((s) => [s.table as number, s.index, BigInt(s.entry)]),
      address.toString(16),
    );
    if (walk.physical !== undefined) mapped++;
  }
  assert(mapped > 5 && mapped < addresses.length);
  assertEquals(pageWalk(state.pageTableRoot, 1n << 47n, read)!.steps, []);
  assertEquals(pageWalk(-1, 0n, read)!.physical, undefined);
});

test("registers show what was last read and written", async () => {
  const run = await theRun();
  const { state } = working(run);
  const blocks = registers(state);
  for (const v of state.virtio) {
    const block = blocks.find((b) => b.dev === v.name)!;
    const status = block.rows.find((r) => r.reg === "device_status" || r.reg === "status")!;
    assertEquals(status.value, v.status);
    const { event } = { event: run.timeline.event(status.at) };
    assert((event.ev === "mmio_read" || event.ev === "mmio_write") && event.value === status.value);
    assert(status.meaning.includes("ACKNOWLEDGE"), status.meaning);
    assertEquals(
      [...block.rows].sort((a, b) => a.addr - b.addr).map((r) => r.addr),
      block.rows.map((r) => r.addr),
    );
  }
});

test("PCI functions: identity, BARs where the registers are, capabilities", async () => {
  const run = await theRun();
  const { state } = working(run);
  const all = pciFunctions(state);
  if (BUILT === "mmio") return assertEquals(all, []);
  const net = all.find((f) => f.dev.startsWith("virtio-net"))!;
  assertEquals([net.ids, net.kind], ["1af4:1000", "Ethernet controller"]);
  assert(net.command.includes("memory") && net.command.includes("bus master"));
  const bar = net.bars.find((b) => b.index === 4)!;
  assertEquals([bar.kind, bar.size, bar.prefetchable], ["memory, 64 bits", 16384, true]);
  assertEquals(net.bars.map((b) => b.index), [0, 1, 4]);
  const common = state.registers.find((r) => r.dev === net.dev && r.reg === "device_status")!;
  assert(common.addr >= bar.addr && common.addr < bar.addr + bar.size);
  assert(net.capabilities.some((c) => c.name === "MSI-X" && c.text.startsWith("on, ")));
  assertEquals(net.capabilities.filter((c) => c.name === "virtio").length, 5);
  const before = pciFunctions(momentAt(run, 20).state).find((f) => f.dev === net.dev)!;
  assertEquals(before.bars.map((b) => [b.index, b.addr, b.size]), net.bars.map((b) => [b.index, 0, b.size]));
});

test("the memory map holds RAM, rings inside it, and devices outside", async () => {
  const run = await theRun();
  const { state, read } = working(run);
  const map = regions(state);
  const ram = map.find((r) => r.kind === "ram")!;
  assertEquals(ram.size, 64 << 20);
  for (const r of map) assertEquals(r.from + r.size <= ram.size, r.kind !== "device", r.what);
  for (const b of sample(run).queues.flatMap((q) => q.areas)) {
    assert(map.some((r) => r.kind === "ring" && r.from === b.phys && r.size <= b.length), b.name);
  }
  const lines = dump(ram.size - 16, 1, read)!;
  assertEquals(lines[0].hex.length, 16);
});

test("every event of a run can be said in words", async () => {
  const { timeline } = await theRun();
  const kinds = new Set<string>();
  for (let at = 0; at < timeline.length; at++) {
    const event = timeline.event(at);
    const line = eventLine(event);
    kinds.add(event.ev);
    assert(
      line.what !== "" && !/undefined|NaN|\[object/.test(`${line.what} ${line.text}`),
      `${at}: ${line.text}`,
    );
  }
  assert(kinds.size > 12, [...kinds].join());
});
