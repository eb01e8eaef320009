import type { Value } from "./check.ts";
import { firstDifference, without } from "./compare.ts";

/** A difference between our devices and QEMU 7.2's that is kept on purpose. */
export interface KeptDifference {
  readonly id: string;
  /** The checks that show it: each of them must, or the entry is out of date. */
  readonly checks: readonly string[];
  /** Which random programs show it, in words; their part names the id (`random/kept.ts`). */
  readonly programs?: string;
  readonly simulated: string;
  readonly qemu: string;
  /** The clause of the specification, or what is wrong with QEMU. */
  readonly reason: string;
  /** Whether two observations differ in this and nothing else. */
  is(simulated: Value, qemu: Value): boolean;
}

/** QEMU is gone, and ours asks for a reset and goes on. */
const gone = (how: "hangs" | "dies") => (simulated: Value, qemu: Value) =>
  qemu === how && /"status":79/.test(JSON.stringify(simulated));
/** Nothing differs but what these paths lead to. */
const onlyAt = (path: RegExp) => (simulated: Value, qemu: Value) =>
  firstDifference(simulated, qemu) !== undefined &&
  firstDifference(without(simulated, path), without(qemu, path)) === undefined;

const on = (transports: readonly string[], ids: readonly string[]) =>
  transports.flatMap((transport) => ids.map((id) => `${transport}/${id}`));
const BOTH = ["rng-pci", "rng-mmio"];

/**
 * Every difference that is kept. The battery fails on one that is not here, and on one that is here and does not occur:
 * then it has no place in this list any more.
 */
export const DIFFERENCES: readonly KeptDifference[] = [
  {
    id: "packed-readable-after-writable-hangs",
    checks: [
      ...on(BOTH, ["packed/readable-after-writable"]),
      ...on(["rng-pci"], [
        "packed/zero-length",
        "packed/indirect-of-1025",
        "packed/indirect-behind-direct",
        "packed/buffer-outside-more-than-page",
      ]),
    ],
    programs:
      "an entropy device takes a chain off a packed ring and refuses it: wrong order, length 0, no room",
    simulated: "NEEDS_RESET, as on the split ring",
    qemu: "never answers again",
    reason:
      "QEMU bug: the entropy device asks its back end again as long as the queue is not empty, and a packed " +
      "queue is not, though the device is broken. virtio 1.4, 2.1.2: the device should set DEVICE_NEEDS_RESET",
    is: gone("hangs"),
  },
  {
    id: "qemu-assertion",
    checks: [
      ...on(BOTH, ["packed/indirect-length-0"]),
      ...on(["net-pci/split", "net-pci/packed"], [
        "receive/bad/short",
        "receive/bad/short-merge",
        "transmit/short",
      ]),
    ],
    programs:
      "an indirect table of length 0 on a packed ring; an index beyond the areas found when a queue was enabled; a " +
      "network card's buffer that is shorter than the header",
    simulated: "NEEDS_RESET",
    qemu: "aborts",
    reason: "QEMU bug: an assertion that a driver can reach. virtio 1.4, 2.1.2: the device should set " +
      "DEVICE_NEEDS_RESET",
    is: gone("dies"),
  },
  {
    id: "packed-unpop",
    checks: on(["net-pci/packed", "net-mmio/packed"], ["receive/plain/too-long-for-chain"]),
    programs: "a frame is too long for a chain of several buffers on a packed ring",
    simulated: "the frame is lost, and the chain waits for the next",
    qemu: "the next frame goes to the chain's second descriptor",
    reason:
      "QEMU bug: a chain that is put back counts as one descriptor. virtio 1.4, 2.8.21: buffers are used as they were " +
      "made available",
    is: onlyAt(/^[12]$/),
  },
  {
    id: "packed-receive-error-repeats",
    checks: ["console-pci/packed/receive-broken"],
    programs: "a broken receive queue of a console on a packed ring",
    simulated: "the mistake is found anew, and config_generation grows, whenever the device acts",
    qemu: "in every turn of its main loop",
    reason:
      "QEMU bug: it goes on asking for room in a queue that is broken; how often is a matter of time. virtio 1.4, " +
      "2.5.3: the generation changes when the configuration does",
    is: onlyAt(/^often$/),
  },
  {
    id: "packed-id-of-first-descriptor",
    checks: on(BOTH, ["packed/id-of-last"]),
    programs: "a chain of a packed ring whose descriptors have different ids",
    simulated: "the used descriptor has the id of the chain's last one",
    qemu: "it has the id of the first one",
    reason: "virtio 1.4, 2.8.6: the buffer id is in the last descriptor of the list",
    is: onlyAt(/^used\.0\.id$/),
  },
  {
    id: "indirect-behind-buffers",
    checks: on(BOTH, ["split/indirect-behind-direct"]),
    programs: "a split chain that goes on to a descriptor with INDIRECT",
    simulated: "the table is used",
    qemu: "the descriptor counts as a buffer to read: wrong order, NEEDS_RESET",
    reason:
      "virtio 1.4, 2.7.5.3.2: the device must handle zero or more normal chained descriptors followed by a " +
      "single one with INDIRECT",
    is: (simulated, qemu) => show(simulated, "0.status") === "15" && show(qemu, "0.status") === "79",
  },
  {
    id: "ring-outside-memory",
    checks: on(BOTH, ["split/areas-device-outside", "split/indirect-outside-low"]),
    programs: "an area of a ring, or an indirect table, that lies outside RAM",
    simulated: "it reads as zeros, and what the device writes there is lost",
    qemu: "it is the start of RAM that is read and written",
    reason:
      "QEMU bug: a cached area that is no RAM is used with its offset as the address. virtio 1.4, 2.7: a device " +
      "writes in its own area of the ring; 2.7.5.3: and reads descriptors of the table that it was told of",
    is: (simulated, qemu) =>
      onlyAt(/^outcome\.low|^low$/)(simulated, qemu) ||
      // The descriptor that stood at the start of RAM was used.
      show(simulated, "used.0.len") === "undefined" && show(qemu, "used.0.len") === "24",
  },
  {
    id: "console-control-length",
    checks: on(["console-pci/split", "console-pci/packed", "console-mmio/split"], [
      "control-small-buffers",
      "control-name-cut",
    ]),
    programs: "a control receive buffer of a console that is too small for the message",
    simulated: "the used length is what was written",
    qemu: "it is the length of the whole message, more than the buffer holds",
    reason: "virtio 1.4, 2.7.8.2: the device must write at least len bytes",
    is: onlyAt(/\.used\.CTRL_RX\.\d+\.len$/),
  },
  {
    id: "intx-disable-in-a-byte",
    checks: ["rng-pci/interrupts/intx-disable-by-byte"],
    programs: "a write to the upper byte of a function's COMMAND register alone",
    simulated: "INTX_DISABLE takes effect",
    qemu: "the line stays as it is, and may stay so for good",
    reason:
      "QEMU bug: it looks at the bit only when the lower byte is written, too. PCI 3.0, 6.2.2: the bit disables the " +
      "function's INTx",
    is: onlyAt(/^disabled\.lines/),
  },
  {
    id: "two-notified-at-once",
    checks: on(["net-pci/split", "net-pci/packed"], ["transmit/two-notified"]),
    programs: "one access that is not aligned notifies two queues, and one of them is broken",
    simulated: "the first queue is served first",
    qemu: "the last one is",
    reason:
      "virtio 1.4, 4.1.3.1: the driver must use aligned accesses of a register's own width, so no order is promised. " +
      "QEMU's main loop comes to the notifier last added first",
    is: onlyAt(/^sent/),
  },
  {
    id: "mmio-queue-reset",
    checks: ["rng-mmio/registers/queue-reset"],
    programs: "QUEUE_RESET of a virtio-mmio transport",
    simulated: "the queue is reset",
    qemu: "the register does not exist, though RING_RESET is offered",
    reason: "virtio 1.4, 2.6.1: a device that offers RING_RESET must reset the queue",
    is: onlyAt(/^ready$/),
  },
];

/** What an observation has at a path, as text. */
function show(value: Value, path: string): string {
  let at: unknown = value;
  for (const name of path.split(".")) at = (at as Record<string, unknown> | undefined)?.[name];
  return String(at);
}
