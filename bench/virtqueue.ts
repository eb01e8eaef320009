/**
 * A full cycle of a virtqueue: dispatch of 64 bytes to send and 64 to receive, notification, the device's pop and push,
 * tryRecv, popFrontVec.
 *
 *     deno run -A bench/virtqueue.ts                             all rows, one process each
 *     deno run -A bench/virtqueue.ts split direct 256 reuse      one row: median of 9 runs of 500,000 cycles, in ns
 *
 * One ring a process: both rings through one call site cost 13 ns more.
 */
import { AvailBufferToken, BufferElem, BufferType, DeviceVec } from "../drivers/virtio/virtqueue/mod.ts";
import { F } from "../spec/virtio/features.ts";
import { makePair } from "../tests/drivers/virtio/virtqueue/_pair.ts";

const CYCLES = 500_000;
const RUNS = 9;

/** Median ns a cycle. `fresh`: a new token each time; otherwise its caller uses it again. `driverOnly`: no device. */
export function measure(
  ring: string,
  kind: string,
  size: number,
  fresh: boolean,
): { ns: number; bytes: number } {
  const features = F.VERSION_1 | F.INDIRECT_DESC | (ring === "packed" ? F.RING_PACKED : 0n);
  const pair = makePair(size, features, 16 << 20);
  const { vq, device, alloc } = pair;
  const send = [BufferElem.vector(DeviceVec.from(alloc, new Uint8Array(64).fill(1), "bench send"))];
  const recv = [BufferElem.vector(DeviceVec.withCapacity(alloc, 64, "bench receive"))];
  const type = kind === "indirect" ? BufferType.Indirect : BufferType.Direct;
  let kicks = 0;
  pair.onNotify = () => {
    kicks++;
  };
  let token = AvailBufferToken.new(send, recv);
  const run = (n: number) => {
    for (let i = 0; i < n; i++) {
      if (fresh) token = AvailBufferToken.new(send, recv);
      vq.dispatch(token, false, type);
      const chain = device.pop()!;
      device.push(chain, 64);
      const used = vq.tryRecv()!;
      if (used.usedRecvBuff.popFrontVec()!.len !== 64) throw new Error("the device wrote 64 bytes");
    }
  };
  run(CYCLES);
  const times: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    run(CYCLES);
    times.push((performance.now() - start) * 1e6 / CYCLES);
  }
  // A short run, so that no collection falls into it.
  const before = Deno.memoryUsage().heapUsed;
  run(10_000);
  const bytes = Math.max(0, Deno.memoryUsage().heapUsed - before) / 10_000;
  if (kicks === 0) throw new Error("the driver never notified");
  return { ns: times.sort((a, b) => a - b)[RUNS >> 1], bytes };
}

async function all(): Promise<void> {
  for (const size of ["4", "256", "32768"]) {
    for (const ring of ["split", "packed"]) {
      for (const kind of ["direct", "indirect"]) {
        for (const tokens of ["reuse", "new"]) {
          const args = ["run", "-A", new URL(import.meta.url).pathname, ring, kind, size, tokens];
          const { stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
          await Deno.stdout.write(stdout);
        }
      }
    }
  }
}

if (import.meta.main) {
  const [ring, kind = "direct", size = "256", tokens = "reuse"] = Deno.args;
  if (ring === undefined) {
    await all();
  } else {
    const { ns, bytes } = measure(ring, kind, Number(size), tokens === "new");
    const name = `${ring} ${kind} ${size} ${tokens}`.padEnd(32);
    console.log(`${name} ${ns.toFixed(1).padStart(6)} ns  ${bytes.toFixed(0).padStart(4)} heap bytes`);
  }
}
