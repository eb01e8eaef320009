import { BufferElem, type Codec } from "../../drivers/virtio/virtqueue/buffer.ts";
import { AvailBufferToken, type UsedBufferToken } from "../../drivers/virtio/virtqueue/token.ts";
import { type Virtq } from "../../drivers/virtio/virtqueue/types.ts";
import { AreaLog, sameStep } from "./compare.ts";
import { type AreaWrite, DeviceTrack, type FoundChain } from "./device.ts";
import { ReplayWorld } from "./environment.ts";
import { type Areas, type RingModel } from "./model.ts";
import { type Trace, type TraceChain, type TraceStep } from "./schema.ts";

/** Something that is neither the same nor a known divergence. */
export class Difference extends Error {
  override name = "Difference";
  constructor(readonly step: number, readonly what: string, readonly trace: string, readonly ours: string) {
    super(`step ${step}: ${what}: trace ${trace} | ours ${ours}`);
  }
}

export interface ReplayResult {
  /** Ids of known divergences that showed, in order. */
  divergences: string[];
  /** Step at which each first showed. */
  at: Record<string, number>;
  difference?: { step: number; what: string; trace: string; ours: string };
}

/** A 16 byte array: the type of the traces' sized elements. */
export const BYTES16: Codec<Uint8Array> = {
  size: 16,
  read(memory, offset) {
    const bytes = new Uint8Array(16);
    memory.readBytes(offset, bytes);
    return bytes;
  },
  write: (memory, offset, value) => memory.writeBytes(offset, value),
};

export interface OurToken {
  name: string;
  token: AvailBufferToken | undefined;
  elems: { name: string; elem: BufferElem; send: boolean }[];
  table?: { phys: number; length: number };
}
export interface Ours {
  ok?: boolean;
  err?: string;
  stalled?: boolean;
  returned?: UsedBufferToken;
}

export const show = (r: { ok?: boolean; err?: string; panic?: unknown }) =>
  r.ok ? "ok" : r.panic ? "panic" : (r.err ?? "").replace(/\(.*/, "");
export const barrierType = (b: string) => b.slice(b.indexOf("/") + 1);

export class Stalled extends Error {}
export const AREAS = ["desc", "driver", "device"] as const;

/** Divergences after which ids and positions of the two sides part, so that addresses and ids are renamed. */
export const DRIFT = new Set([
  "D01",
  "D02",
  "D03",
  "D07",
  "D09",
  "D10",
  "D11",
  "D12",
  "D14",
  "D16",
  "D17",
  "D18",
]);

/** What our queue did in one step of a replay. */
export interface OurStep {
  readonly step: TraceStep;
  readonly world: ReplayWorld;
  readonly queue: Virtq | undefined;
  /** The areas as they are in memory; undefined: there is no queue of ours. */
  readonly areas: Areas | undefined;
  /** What the device has written to our rings. */
  readonly writes: readonly AreaWrite[];
}

/** What every part of a replay works on, and how a field is judged. */
export abstract class JudgeReplay {
  protected readonly world: ReplayWorld;
  protected readonly reported: string[] = [];
  protected readonly at: Record<string, number> = {};
  protected pending = new Set<string>();
  protected step!: TraceStep;
  protected index = 0;
  protected queue: Virtq | undefined;
  protected hermit!: RingModel;
  protected fixed!: RingModel;
  protected hermitTrack!: DeviceTrack;
  protected ourTrack!: DeviceTrack;
  protected ourAreas!: Areas;
  protected readonly tokens = new Map<string, OurToken>();
  protected readonly byToken = new Map<AvailBufferToken, OurToken>();
  protected readonly hermitTables = new Map<number, Uint8Array>();
  protected readonly chains = new Map<
    string,
    { trace?: TraceChain; hermit: FoundChain; ours: FoundChain | undefined; token: string }
  >();
  /** Chains that our device took but the trace's never saw. */
  protected readonly extra: { chain: FoundChain; token: string }[] = [];
  protected readonly contents = {
    hermit: new Map<string, Uint8Array>(),
    ours: new Map<string, Uint8Array>(),
  };
  protected ourWrites: AreaWrite[] = [];
  protected readonly doneAhead = new Set<number>();
  protected auto = false;
  protected disabled = false;
  /** There is no queue of ours: only trace and model of Hermit are compared. */
  protected alone = false;
  /** Elements of the trace, by name. */
  protected readonly hermitElems = new Map<string, number>();
  protected readonly log: AreaLog;
  /** Told after each step what ours did. */
  watch: ((ours: OurStep) => void) | undefined;
  protected readonly features: bigint;

  constructor(protected readonly trace: Trace) {
    this.world = new ReplayWorld(trace);
    this.features = BigInt(trace.features_bits);
    this.log = new AreaLog(trace);
  }

  protected has(feature: bigint): boolean {
    return (this.features & feature) !== 0n;
  }

  protected differs(what: string, trace: unknown, ours: unknown): never {
    const text = (v: unknown) => typeof v === "string" ? v : JSON.stringify(v) ?? "nothing";
    throw new Difference(this.index, what, text(trace), text(ours));
  }

  protected report(id: string): void {
    if (this.reported.includes(id)) return;
    this.reported.push(id);
    this.at[id] = this.index;
  }

  protected get drifted(): boolean {
    return this.reported.some((id) => DRIFT.has(id));
  }

  /**
   * A field of trace, model of Hermit, ours, corrected model. Same is same; otherwise each side must be as its model
   * says, and a defect must have been met.
   */
  protected judge(what: string, trace: unknown, hermit: unknown, ours: unknown, fixed: unknown): void {
    if (sameStep(trace, ours)) return;
    if (!sameStep(trace, hermit)) this.differs(`${what} (neither as ours nor as Hermit's)`, trace, ours);
    if (!sameStep(ours, fixed)) this.differs(what, trace, ours);
    this.explain(what, trace, ours);
  }

  protected explain(what: string, trace: unknown, ours: unknown): void {
    for (const id of this.pending) this.report(id);
    this.pending.clear();
    if (!this.reported.some((id) => id !== "D08" && id !== "D21")) this.differs(what, trace, ours);
  }

  protected judgeValue(what: string, trace: unknown, ours: unknown): void {
    if (!sameStep(trace, ours)) this.differs(what, trace, ours);
  }

  protected hit(id: string): void {
    if (!this.reported.includes(id)) this.pending.add(id);
  }

  protected met(id: string): boolean {
    return this.reported.includes(id) || this.pending.has(id);
  }

  protected tellWatcher(step: TraceStep): void {
    const areas = this.queue === undefined ? undefined : this.ourAreas;
    this.watch?.({ step, world: this.world, queue: this.queue, areas, writes: this.ourWrites });
  }
}
