import type { Mistake } from "./mistake.ts";

const RNG = "devices/virtio/rng.ts";
const CHAIN = "devices/virtio/chain.ts";

/** Mistakes in the entropy device (virtio 1.4, 5.4), and in the buffers that every device uses. */
export const RNG_MISTAKES: readonly Mistake[] = [
  {
    id: "rng-before-driver-ok",
    rule: "rng, 3.1.1: nothing before DRIVER_OK",
    file: RNG,
    find: "if (ring === undefined || !this.driverOk) return;",
    replace: "if (ring === undefined) return;",
    on: "rng",
  },
  {
    id: "rng-starts-late",
    rule: "rng, QEMU: DRIVER_OK alone makes the device look for buffers",
    file: RNG,
    find: "if (status & DeviceStatus.DRIVER_OK) this.schedule(QUEUE);",
    replace: "",
    on: "rng",
  },
  {
    id: "rng-partial-chain",
    rule: "rng, 5.4.6.1: a chain is filled to its end",
    file: RNG,
    find: "const want = Math.min(left, chain.writableLength);",
    replace: "const want = Math.min(left, chain.writableLength, 64);",
    on: "rng",
  },
  {
    id: "rng-length",
    rule: "rng, 2.7.8: the used length is what was written",
    file: RNG,
    find: "ring.push(chain, done);",
    replace: "ring.push(chain, chain.writableLength + chain.readableLength);",
    on: "rng",
  },
  {
    id: "rng-no-interrupt",
    rule: "rng, 2.7.10: an interrupt follows used buffers",
    file: RNG,
    find: "this.notifyDriver(QUEUE);",
    replace: "",
    on: "rng",
  },
  {
    id: "rng-nothing-to-write",
    rule: "rng, QEMU: with nothing writable waiting the ring is left alone",
    file: RNG,
    find: "if (left === 0) return;",
    replace: "if (left === 0) left = 1;",
    on: "rng",
  },
  {
    id: "rng-one-chain",
    rule: "rng, 2.6: all buffers that wait are served",
    file: RNG,
    find: "if (ring.hasAvail()) this.schedule(QUEUE);",
    replace: "",
    on: "rng",
  },
  {
    id: "zero-length",
    rule: "descriptor, 2.7.5: QEMU takes no buffer of length 0",
    file: "devices/virtio/queue_base.ts",
    find: "if (length === 0) this.zeroSized(chain);",
    replace: "",
    on: "split",
  },
  {
    id: "address-outside",
    rule: "descriptor, 2.7.5: a buffer outside memory breaks the device",
    file: "devices/virtio/queue_base.ts",
    find: "if (!this.memory.coversSplit(lo, hi, length)) this.outside(chain, lo, hi, length);",
    replace: "",
    on: "split",
  },
  {
    id: "write-second-buffer",
    rule: "descriptor chain, 2.7.5.2: writing goes on in the next buffer",
    file: CHAIN,
    find: "this.memory.copyIn(this.addressOf(i) + skip, source, done, n);",
    replace: "this.memory.copyIn(this.addressOf(i), source, done, n);",
    on: "rng",
  },
  {
    id: "read-second-buffer",
    rule: "descriptor chain, 2.7.5.2: reading goes on in the next buffer",
    file: CHAIN,
    find: "done += n;\n      offset = 0;",
    replace: "done += n;",
    on: "serial",
  },
];
