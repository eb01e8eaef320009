import type { Mistake } from "./mistake.ts";

const RNG = "devices/virtio/rng.ts";
const CHAIN = "devices/virtio/chain.ts";

/** Mistakes in the entropy device (virtio 1.4, 5.4), and in the buffers that every device uses. */
export const RNG_MISTAKES: readonly Mistake[] = [
  {
    id: "rng-before-driver-ok",
    rule: "rng, 3.1.1: nothing before DRIVER_OK",
    file: RNG,
    find: "return this.driverOk && this.ready(QUEUE);",
    replace: "return this.ready(QUEUE);",
    on: "rng",
  },
  {
    id: "rng-starts-late",
    rule: "rng, QEMU: any status write makes the device look for buffers",
    file: RNG,
    find: "this.status = status;\n    const size = this.request();",
    replace: "this.status = status;\n    const size = 0;",
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
    find: "this.push(QUEUE, chain, want);",
    replace: "this.push(QUEUE, chain, chain.writableLength + chain.readableLength);",
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
    find: "if (size > 0) this.later(0, () => this.answer(size));",
    replace: "this.later(0, () => this.answer(size));",
    on: "rng",
  },
  {
    id: "rng-request-short",
    rule: "rng, 5.4.6.1: all that the waiting buffers hold is asked for",
    file: RNG,
    find: "this.availBytes(QUEUE, quota, 0).in);",
    replace: "this.availBytes(QUEUE, quota, 0).in - 1);",
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
    replace: "this.memory.copyIn(this.addressOf(this.outNum) + skip, source, done, n);",
    on: "rng",
  },
  {
    id: "read-second-buffer",
    rule: "descriptor chain, 2.7.5.2: reading goes on in the next buffer",
    file: CHAIN,
    find: "this.memory.copyOut(this.addressOf(i) + offset, target, done, n);",
    replace: "this.memory.copyOut(this.addressOf(0) + offset, target, done, n);",
    on: "serial",
  },
];
