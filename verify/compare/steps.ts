/**
 * What a trace is turned into before it is compared: steps. A step is a kind and a text in which whatever differs between
 * two good runs (addresses, times, pointers) is gone. Equal kind and text is an equal step.
 */

/** Kinds of steps, by the names of `--kind`. */
export const KINDS = {
  read: "a register was read",
  write: "a register was written",
  kick: "the driver wrote to the notification register",
  ring: "the driver wrote to a ring",
  barrier: "the driver executed a memory barrier",
  notify: "the device was told of a queue",
  pop: "the device took a buffer",
  push: "the device gave a buffer back",
  used: "the device wrote to a ring",
  interrupt: "the device interrupted for a queue",
  message: "a message signalled interrupt was sent",
  change: "the device announced a change of its configuration",
  status: "the device's status became another",
  config: "the PCI configuration space was read or written",
} as const;
export type Kind = keyof typeof KINDS;
/** Kinds that are compared only when asked for: firmware makes them differ, or other kinds say the same. */
export const OPTIONAL: readonly Kind[] = ["config"];

/** Steps are kept in order within a lane; between lanes the order is a matter of time. */
export type Lane = "driver" | "status" | "notify" | "device" | "interrupt" | "message" | "config" | "barrier";

/** What is known of all steps with the same kind and text. */
export interface StepInfo {
  readonly kind: Kind;
  /** As printed: `queue 0 queue_size -> 0x8`. */
  readonly text: string;
  /** Register or field, without numbers of queues and entries: `queue_size`, `desc.flags`. */
  readonly name: string;
  /** The value where it means the same in every run. */
  readonly value: number | undefined;
  /** Virtio id of the device that had it first, 0 if unknown: for names of feature bits. */
  readonly device: number;
}

/** Texts as numbers, shared by both sides of a comparison. */
export class Vocabulary {
  private readonly ids = new Map<string, number>();
  readonly infos: StepInfo[] = [];

  id(kind: Kind, text: string, name: string, value: number | undefined, device: number): number {
    const key = `${kind} ${text}`;
    let id = this.ids.get(key);
    if (id === undefined) {
      id = this.infos.length;
      this.infos.push({ kind, text, name, value, device });
      this.ids.set(key, id);
    }
    return id;
  }
}

/** Steps of one lane, or of a whole file: 13 bytes a step. */
export class StepList {
  length = 0;
  /** Number in the {@link Vocabulary}. */
  info = new Int32Array(1024);
  /** Line of the file; in a golden trace the position of the operation. */
  line = new Uint32Array(1024);

  add(info: number, line: number): void {
    if (this.length === this.info.length) {
      this.info = grown(this.info, new Int32Array(2 * this.length));
      this.line = grown(this.line, new Uint32Array(2 * this.length));
    }
    this.info[this.length] = info;
    this.line[this.length++] = line;
  }
}

function grown<T extends Int32Array | Uint32Array>(from: T, to: T): T {
  to.set(from as unknown as ArrayLike<number>);
  return to;
}

/** A lane of a device: for what belongs to a queue also which. */
export interface LaneSteps {
  readonly lane: Lane;
  /** undefined: none, or no line of the file says which. */
  readonly queue: number | undefined;
  readonly steps: StepList;
}

/** A device as a file shows it. */
export interface TraceDevice {
  /** `virtio-rng`; undefined: the file has no name for it. */
  readonly type: string | undefined;
  /** As the file names it: `virtio-rng-pci.0`, `0x55d0c0ffee00`, `00:03.0`. */
  readonly alias: string;
  readonly lanes: LaneSteps[];
}

/** What a trace was found to be. */
export type Format = "simulated" | "on QEMU" | "QEMU log" | "golden";

/** A file that was read. */
export interface Side {
  readonly file: string;
  readonly format: Format;
  /** `line`, or `step` in a golden trace: what the numbers count. */
  readonly unit: "line" | "step";
  /** Kinds that this file could show, whether or not it did. */
  readonly can: ReadonlySet<Kind>;
  /** Why a kind cannot be there, where there is more to say than "this format has none". */
  readonly cannot: ReadonlyMap<Kind, string>;
  readonly devices: readonly TraceDevice[];
  /** Records that are no steps, by what they are. */
  readonly leftOut: ReadonlyMap<string, number>;
  readonly lines: number;
  /** Of a golden trace: what its replay on our queue has found. */
  readonly replay?: ReplayVerdict;
}
/** What the replayer says of a golden trace (`deno task golden`). */
export interface ReplayVerdict {
  /** Step at which each known divergence of Hermit shows first, by its id. */
  readonly at: Readonly<Record<string, number>>;
  /** Step from which on it has no explanation. */
  readonly unexplained: number | undefined;
}

/** A file that is no trace, or a broken one. The message names file and line. */
export class TraceInputError extends Error {
  override name = "TraceInputError";
}
