import type { Decoder } from "./decoder.ts";
import type { QueueRef } from "./recording.ts";

type Ref = QueueRef & { readonly index: number };
const FORMS: Readonly<Record<string, { form: RegExp; words: string }>> = {
  virtio_set_status: { form: /^vdev (\S+) val (\d+)$/, words: "vdev DEVICE val N" },
  virtio_queue_notify: { form: /^vdev (\S+) n (\d+) vq (\S+)$/, words: "vdev DEVICE n N vq QUEUE" },
  virtio_notify: { form: /^vdev (\S+) vq (\S+)$/, words: "vdev DEVICE vq QUEUE" },
  virtio_notify_irqfd: { form: /^vdev (\S+) vq (\S+)$/, words: "vdev DEVICE vq QUEUE" },
  virtio_notify_config: { form: /^vdev (\S+)$/, words: "vdev DEVICE" },
  virtqueue_pop: {
    form: /^vq (\S+) elem (\S+) in_num (\d+) out_num (\d+)$/,
    words: "vq QUEUE elem ELEMENT in_num N out_num N",
  },
  virtqueue_fill: {
    form: /^vq (\S+) elem (\S+) len (\d+) idx (\d+)$/,
    words: "vq QUEUE elem ELEMENT len N idx N",
  },
  virtqueue_flush: { form: /^vq (\S+) count (\d+)$/, words: "vq QUEUE count N" },
};

/** Buffers that a device can have at a time: the size of the largest queue (virtio 1.4, 2.7). */
const MAX_TAKEN = 32768;

/** A line with the name of an event that does not have its words. */
export class BrokenLine extends Error {}

/** Reads what QEMU (or our models, in its words) says of the inside of devices. Pointers become devices and queues. */
export class DeviceLines {
  private readonly queues = new Map<string, Ref>();

  /** @param device the device of a name or pointer. */
  constructor(private readonly decoder: Decoder, private readonly device: (name: string) => number) {
    // Our own lines name a queue by where its descriptors are.
    decoder.onEnable = (address, owner, n) => this.bind(address, owner, n);
  }

  /** False: no event of these. @throws {BrokenLine} */
  read(name: string, text: string, line: number): boolean {
    const known = FORMS[name];
    if (known === undefined) return false;
    const m = known.form.exec(text);
    if (m === null) throw new BrokenLine(`${name}: found "${text}", expected "${known.words}"`);
    switch (name) {
      case "virtio_set_status":
        this.decoder.answers(this.device(m[1]), Number(m[2]));
        this.decoder.status(this.device(m[1]), Number(m[2]), line);
        return true;
      case "virtio_queue_notify":
        this.step(
          "notify",
          this.bind(m[3], this.device(m[1]), Number(m[2])),
          "notify",
          "notified",
          "notification",
          line,
        );
        return true;
      case "virtio_notify":
      case "virtio_notify_irqfd":
        this.step(
          "interrupt",
          this.bind(m[2], this.device(m[1])),
          "interrupt",
          "interrupt",
          "interrupt",
          line,
        );
        return true;
      case "virtio_notify_config":
        this.decoder.out.add(
          { device: this.device(m[1]), lane: "interrupt", ref: -1, line },
          "change",
          "configuration changed",
          "interrupt",
        );
        return true;
      case "virtqueue_pop": {
        const ref = this.ref(m[1]);
        ref.taken.push(m[2]);
        // In a log that does not show buffers coming back.
        if (ref.taken.length > 2 * MAX_TAKEN) ref.taken.splice(0, MAX_TAKEN);
        const text = `takes a buffer: ${m[4]} to read, ${m[3]} to write`;
        this.step("device", ref, "pop", text, "buffer taken", line);
        return true;
      }
      case "virtqueue_fill": {
        const ref = this.ref(m[1]);
        const at = ref.taken.indexOf(m[2]);
        if (at >= 0) ref.taken.splice(at, 1);
        const which = at < 0
          ? "one that no line says it took"
          : at === 0
          ? "the oldest"
          : `${at} after the oldest`;
        this.step(
          "device",
          ref,
          "push",
          `uses ${which}: ${m[3]} bytes written`,
          "buffer used",
          line,
          Number(m[3]),
        );
        return true;
      }
      default:
        this.step("device", this.ref(m[1]), "push", `publishes ${m[2]}`, "used index", line, Number(m[2]));
        return true;
    }
  }

  private step(
    lane: "notify" | "interrupt" | "device",
    ref: Ref,
    kind: "notify" | "interrupt" | "pop" | "push",
    text: string,
    name: string,
    line: number,
    value?: number,
  ): void {
    this.decoder.out.add({ device: ref.device, lane, ref: ref.index, line }, kind, text, name, value);
  }
  private ref(queue: string): Ref {
    let ref = this.queues.get(queue);
    if (ref === undefined) this.queues.set(queue, ref = this.decoder.out.newRef(-1, undefined));
    return ref;
  }
  /** The line says whose queue it is, perhaps which one. A place in memory may have been another queue's before. */
  private bind(queue: string, device: number, n?: number): Ref {
    const old = this.ref(queue);
    const same = (old.device < 0 || this.decoder.out.root(old.device) === this.decoder.out.root(device)) &&
      (n === undefined || old.queue === undefined || old.queue === n);
    const ref = same ? old : this.decoder.out.newRef(device, n);
    if (!same) this.queues.set(queue, ref);
    ref.device = device;
    ref.queue ??= n;
    return ref;
  }
}
