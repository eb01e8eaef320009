import { CapCfgType, VirtioPciCap as Cap } from "../../../spec/virtio/pci.ts";
import type { Kernel } from "../../../kernel/mod.ts";
import { sleep, type Task } from "../../../kernel/executor.ts";
import { Ring } from "./by_hand.ts";
import { asFirmwareLeft, doubled, longNotify, outOfOrder, partial, stalled, strayCount } from "./devices.ts";
import { netLine, rngLine, type Scene } from "./scene.ts";

/** Nanoseconds that a late buffer is late. */
const LATE = 50_000;

/** Reads random bytes until each buffer was on its way often. */
function* readRandom(kernel: Kernel): Task<number> {
  const [rng] = kernel.parts.drivers.rng;
  const bytes = new Uint8Array(2000);
  for (let have = 0, tries = 0; have < bytes.length; tries++) {
    if (tries === 10_000) return 1;
    have += rng.read(bytes.subarray(have));
    yield* sleep(kernel.parts.executor, 1000);
  }
  return 0;
}

/** Sends datagrams to nobody in particular, and waits until they have left. */
function send(count: number) {
  return function* (kernel: Kernel): Task<number> {
    const { net } = kernel.parts;
    const socket = net.dgram();
    socket.setsockopt("SO_BROADCAST", true);
    // What the card does not take, the sender has to wait with.
    socket.setsockopt("SO_SNDBUF", 1024);
    const to = { address: 0x0a00_00ff, port: 7 };
    for (let i = 0; i < count; i++) yield* socket.sendto(new Uint8Array(200), to);
    yield* sleep(kernel.parts.executor, 1e6);
    socket.close();
    return 0;
  };
}

/** So many buffers of `pieces` descriptors at a time as the ring takes, `rounds` times. */
function fill(size: number, pieces: number, rounds: number) {
  // deno-lint-ignore require-yield
  return function* (kernel: Kernel): Task<number> {
    const ring = new Ring(kernel, size);
    const tokens = Array.from({ length: size }, () => ring.buffer(pieces));
    for (let round = 0; round < rounds; round++) {
      const given = new Set(tokens.slice(0, tokens.findIndex((token) => !ring.give(token))));
      while (given.size > 0) given.delete(ring.take());
    }
    ring.close();
    return 0;
  };
}

/** Interrupts are off, and one buffer asks for its own. */
// deno-lint-ignore require-yield
function* oneInterrupt(kernel: Kernel): Task<number> {
  const ring = new Ring(kernel, 8);
  ring.vq.disableNotifs();
  for (let i = 0; i < 20; i++) {
    ring.give(ring.buffer(1), i % 3 === 0);
    ring.take();
  }
  ring.close();
  return 0;
}

/** Interrupts are asked for when a buffer is under way, and the CPU sleeps until one comes. */
function* askThenSleep(kernel: Kernel): Task<number> {
  const ring = new Ring(kernel, 8);
  for (let i = 0; i < 4; i++) {
    ring.vq.disableNotifs();
    ring.give(ring.buffer(1));
    if (!ring.vq.enableNotifs()) yield* sleep(kernel.parts.executor, 1e6);
    ring.take();
  }
  ring.close();
  return 0;
}

/** Machines and runs that no command line describes. A driver without mistakes gets through each of them without a report. */
export const SCENES: Readonly<Record<string, Scene>> = {
  out_of_order_split: [{
    line: rngLine(),
    prepare: (machine) => outOfOrder(machine, 0, LATE),
    app: readRandom,
  }],
  out_of_order_packed: [{
    line: rngLine(",packed=on"),
    prepare: (machine) => outOfOrder(machine, 0, LATE),
    app: readRandom,
  }],
  one_interrupt: [{ line: rngLine(",packed=on"), latency: LATE, app: oneInterrupt }],
  ask_then_sleep: [{ line: rngLine(), latency: LATE, app: askThenSleep }],
  full_packed: [{ line: rngLine(",packed=on"), latency: LATE, app: fill(8, 2, 3) }],
  full_split: [{ line: rngLine(), latency: LATE, app: fill(8, 2, 3) }],
  // Three descriptors in a ring of eight: chains lie across its end.
  chains_across_the_end: [{ line: rngLine(",packed=on"), latency: LATE, app: fill(8, 3, 8) }],
  long_capabilities: [{
    line: netLine(1, "", "stdin"),
    prepare: (machine) => longNotify(machine),
    app: send(3),
  }],
  double_capabilities: [{
    line: netLine(1, "", "stdin"),
    // The first is in BAR 0, which is I/O space: nothing that a driver of memory can use.
    prepare: (machine) => doubled(machine, CapCfgType.Common, (bytes) => bytes[Cap.BAR] = 0),
    app: send(3),
  }],
  second_notify: [{
    line: netLine(1, "", "stdin"),
    // The second is the place of queues that the device has not: only the first is of use.
    prepare: (machine) =>
      doubled(machine, CapCfgType.Notify, undefined, (bytes) => {
        bytes[Cap.OFFSET + 1] += 8;
        bytes[Cap.LENGTH + 1] -= 8;
      }),
    app: send(3),
  }],
  firmware: [{ line: netLine(1, "", "stdin"), prepare: asFirmwareLeft, app: send(3) }],
  slow_transmit: [{
    line: netLine(1, "", "stdin"),
    prepare: (machine) => stalled(machine, 20e6),
    // More than the queue has descriptors.
    app: send(600),
  }],
  two_kernels: [
    { line: netLine(1, ",x-vnet-hdr=on", "httpd 80 1") },
    { line: netLine(2, ",x-vnet-hdr=on", "wget http://10.0.0.1/big/1") },
  ],
  // Cards without offloads: whoever sends fills in all checksums.
  plain_kernels: [
    { line: netLine(1, "", "httpd 80 1") },
    { line: netLine(2, "", "wget http://10.0.0.1/") },
  ],
  partial_checksums: [
    { line: netLine(1, ",x-vnet-hdr=on", "httpd 80 1"), prepare: partial },
    { line: netLine(2, ",x-vnet-hdr=on", "wget http://10.0.0.1/big/1"), prepare: partial },
  ],
  num_buffers: [
    { line: netLine(1, ",mrg_rxbuf=off", "httpd 80 1") },
    {
      line: netLine(2, ",mrg_rxbuf=off", "wget http://10.0.0.1/"),
      prepare: (machine) => strayCount(machine, 3),
    },
  ],
};
