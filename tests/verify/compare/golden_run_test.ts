import { assert, assertEquals } from "@std/assert";
import { BARRIER_NAMES } from "../../../arch/device_memory.ts";
import { BufferElem, DeviceVec } from "../../../drivers/virtio/virtqueue/buffer.ts";
import { AvailBufferToken, BufferType, createVirtq } from "../../../drivers/virtio/virtqueue/mod.ts";
import { F } from "../../../spec/mod.ts";
import type { TraceEvent } from "../../../spec/trace.ts";
import { compareSides, readTraceFile, Vocabulary } from "../../../verify/compare/mod.ts";
import { ReplayWorld } from "../../../verify/golden/environment.ts";
import { fromHex, readTrace, toHex, type Trace } from "../../../verify/golden/schema.ts";
import { jsonLine } from "../../../verify/trace/mod.ts";
import { onceTest } from "../../support/once.ts";

const FOLDER = new URL("../../data/golden/", import.meta.url);

/** A trace in JSON lines of our queue doing what a golden trace did: dispatches, receptions, and the device's own writes. */
function run(trace: Trace): string {
  const lines: string[] = [];
  const emit = (event: TraceEvent) => void lines.push(jsonLine(0, event));
  const dev = "virtio-rng-pci.0";
  const write = (reg: string, width: number, value: number) =>
    emit({ ev: "mmio_write", addr: 0xe0000000, width, value, dev, reg });
  const world = new ReplayWorld(trace);
  const { memory } = world;
  const record = (by: "driver" | "device", addr: number, length: number) =>
    emit({ ev: "mem_write", by, addr, hex: toHex(world.bytes(addr, length)!) });
  for (const [name, width] of [["writeU8", 1], ["writeU16", 2], ["writeU32", 4]] as const) {
    const plain = memory[name].bind(memory);
    memory[name] = (offset, value) => {
      plain(offset, value);
      record("driver", memory.base + offset, width);
    };
  }
  memory.barrier = (kind) => emit({ ev: "barrier", kind: BARRIER_NAMES[kind] });
  world.onNotify = () => write(`notify[${trace.queue_index}]`, 2, trace.queue_index);
  const packed = trace.queue_type === "packed" ? F.RING_PACKED : 0n;
  const features = BigInt(trace.features_bits) | packed;
  write("driver_feature_select", 4, 1);
  write("driver_feature", 4, Number(features >> 32n));
  const env = { alloc: world.alloc, indirect: world.indirect, deviceName: dev, relax: () => {} };
  const queue = createVirtq(
    world.comCfg,
    world.notifCfg,
    trace.requested_size,
    trace.queue_index,
    features,
    env,
  );
  write("queue_select", 2, trace.queue_index);
  for (const { reg, value } of world.configWrites) {
    const wide = /_(desc|driver|device)$/.test(reg);
    write(reg, wide ? 4 : 2, Number(value));
    if (wide) write(`${reg}_hi`, 4, 0);
  }
  const elems = new Map<string, BufferElem>();
  for (const { op, device_writes } of trace.steps) {
    if (op.op === "dispatch") {
      const make = (list: NonNullable<typeof op.send>, side: string) =>
        list.map((e, i) => {
          const elem = BufferElem.vector(DeviceVec.withCapacity(world.alloc, e.capacity ?? e.len, op.token!));
          if (side === "send") elem.vec.set(new Uint8Array(e.len));
          elems.set(`${op.token}.${side}${i}`, elem);
          return elem;
        });
      queue.dispatch(
        AvailBufferToken.new(make(op.send!, "send"), make(op.recv!, "recv")),
        false,
        BufferType.Direct,
      );
    } else if (op.op === "try_recv") {
      const used = queue.tryRecv();
      for (const e of [...used?.token.sendBuff ?? [], ...used?.token.recvBuff ?? []]) e.free();
    } else if (op.op === "enable_notifs") queue.enableNotifs();
    else if (op.op === "disable_notifs") queue.disableNotifs();
    for (const { name, off, hex } of device_writes ?? []) {
      const addr =
        (name in world.ringAddr ? world.ringAddr[name as "desc"] : elems.get(name)!.phys as number) + off;
      world.bytes(addr, hex.length / 2)!.set(fromHex(hex));
      record("device", addr, hex.length / 2);
    }
  }
  return lines.join("\n") + "\n";
}

onceTest(
  "compare: a run of our queue in JSON lines is the same as Hermit's golden trace of the same operations",
  async () => {
    for (
      const name of [
        "split/direct_1s1r",
        "split/direct_shapes",
        "split/wrap_4_mixed",
        "packed/direct_1s1r",
        "packed/wrap_4_mixed",
      ]
    ) {
      const text = Deno.readTextFileSync(new URL(`${name}.json`, FOLDER));
      const lines = run(readTrace(JSON.parse(text), name));
      const compared = async (json: string) => {
        const vocabulary = new Vocabulary();
        const read = async (file: string, text: string) =>
          (await readTraceFile(file, [new TextEncoder().encode(text)], vocabulary)).side;
        return compareSides(await read("golden", text), await read("run", json), vocabulary, { devices: [] });
      };
      const { lanes, kinds } = await compared(lines);
      assertEquals(kinds, ["write", "kick", "ring", "barrier", "used"], name);
      const differ = lanes.filter((l) => l.hunks.length > 0).map((l) => l.lane);
      // The kind of each barrier is D08.
      assertEquals(differ, ["barrier"], name);
      assert(lanes.find((l) => l.lane === "driver")!.a.length > 15, name);
      // One length that the driver writes.
      const broken = lines.replace(/("by":"driver".*"hex":")(?!00)..000000"/, `$17f000000"`);
      assert(broken !== lines, name);
      const after = (await compared(broken)).lanes.filter((l) => l.hunks.length > 0).map((l) => l.lane);
      assertEquals(after, ["driver", "barrier"], name);
    }
  },
);
