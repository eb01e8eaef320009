/**
 * The driver broke the ring. The front end marks the device NEEDS_RESET and raises the config interrupt, as QEMU's
 * `virtio_error` does; the queue gives out nothing more.
 */
export class DeviceQueueError extends Error {
  override name = "DeviceQueueError";
  /** Which queue: `virtio-rng queue 0`. */
  declare readonly queue: string;
  /** What was found. */
  declare readonly found: string;
  /** The rule, with its section: `virtio 1.4, 2.7.5.3: ...`. */
  declare readonly rule: string;
  /** What QEMU prints, where it has words for it. */
  declare readonly qemu: string | undefined;

  constructor(queue: string, found: string, rule: string, qemu?: string) {
    super(`${queue}: ${found} (${rule})${qemu === undefined ? "" : `; QEMU: "${qemu}"`}`);
    this.queue = queue;
    this.found = found;
    this.rule = rule;
    this.qemu = qemu;
  }
}

/** `0x1f000`. */
export function hexOf(value: number): string {
  return "0x" + value.toString(16);
}
