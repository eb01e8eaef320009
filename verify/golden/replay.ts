import type { Codec } from "../../drivers/virtio/virtqueue/buffer.ts";
import { BufferElem, DeviceVec } from "../../drivers/virtio/virtqueue/buffer.ts";
import { AvailBufferToken, BufferType, type UsedBufferToken } from "../../drivers/virtio/virtqueue/token.ts";
import type { Virtq } from "../../drivers/virtio/virtqueue/types.ts";
import { createVirtq } from "../../drivers/virtio/virtqueue/mod.ts";
import { VirtqError } from "../../drivers/virtio/error.ts";
import { F } from "../../spec/mod.ts";
import { AreaLog, bytesDiffer, expectedReturn, type Returned, sameStep } from "./compare.ts";
import { type AreaWrite, DeviceTrack, type FoundChain } from "./device.ts";
import { ReplayWorld } from "./environment.ts";
import { type Areas, type Outcome, PackedModel, type RingModel, SplitModel, type Tok } from "./model.ts";
import {
  type DriverState,
  type ElemSpec,
  fromHex,
  toHex,
  type TokenSpec,
  type Trace,
  type TraceChain,
  type TracePop,
  type TraceStep,
} from "./schema.ts";

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
const BYTES16: Codec<Uint8Array> = {
  size: 16,
  read(memory, offset) {
    const bytes = new Uint8Array(16);
    memory.readBytes(offset, bytes);
    return bytes;
  },
  write: (memory, offset, value) => memory.writeBytes(offset, value),
};

interface OurToken {
  name: string;
  token: AvailBufferToken | undefined;
  elems: { name: string; elem: BufferElem; send: boolean }[];
  table?: { phys: number; length: number };
}
interface Ours {
  ok?: boolean;
  err?: string;
  stalled?: boolean;
  returned?: UsedBufferToken;
}

const show = (r: { ok?: boolean; err?: string; panic?: unknown }) =>
  r.ok ? "ok" : r.panic ? "panic" : (r.err ?? "").replace(/\(.*/, "");
const barrierType = (b: string) => b.slice(b.indexOf("/") + 1);

class Stalled extends Error {}
const AREAS = ["desc", "driver", "device"] as const;

/** Divergences after which ids and positions of the two sides part, so that addresses and ids are renamed. */
const DRIFT = new Set(["D01", "D02", "D03", "D07", "D09", "D10", "D11", "D12", "D14", "D16", "D17", "D18"]);

/** Replays one trace. Use {@link replayTrace}. */
class Replay {
  private readonly world: ReplayWorld;
  private readonly reported: string[] = [];
  private readonly at: Record<string, number> = {};
  private pending = new Set<string>();
  private step!: TraceStep;
  private index = 0;
  private queue: Virtq | undefined;
  private hermit!: RingModel;
  private fixed!: RingModel;
  private hermitTrack!: DeviceTrack;
  private ourTrack!: DeviceTrack;
  private ourAreas!: Areas;
  private readonly tokens = new Map<string, OurToken>();
  private readonly byToken = new Map<AvailBufferToken, OurToken>();
  private readonly hermitTables = new Map<number, Uint8Array>();
  private readonly chains = new Map<
    string,
    { trace?: TraceChain; hermit: FoundChain; ours: FoundChain | undefined; token: string }
  >();
  /** Chains that our device took but the trace's never saw. */
  private readonly extra: { chain: FoundChain; token: string }[] = [];
  private readonly contents = { hermit: new Map<string, Uint8Array>(), ours: new Map<string, Uint8Array>() };
  private ourWrites: AreaWrite[] = [];
  private readonly doneAhead = new Set<number>();
  private auto = false;
  private disabled = false;
  /** There is no queue of ours: only trace and model of Hermit are compared. */
  private alone = false;
  /** Elements of the trace, by name. */
  private readonly hermitElems = new Map<string, number>();
  private readonly log: AreaLog;
  private readonly features: bigint;

  constructor(private readonly trace: Trace) {
    this.world = new ReplayWorld(trace);
    this.features = BigInt(trace.features_bits);
    this.log = new AreaLog(trace);
  }

  run(): ReplayResult {
    try {
      for (const step of this.trace.steps) {
        this.step = step;
        this.index = step.i;
        if (step.op.op === "note") continue;
        this.world.barriers.length = this.world.notifications.length = this.world.tables.length = 0;
        this.ourWrites = [];
        if (this.alone) this.oneAlone(step);
        else if (!this.one(step)) break;
      }
    } catch (e) {
      if (!(e instanceof Difference)) throw e;
      const { step, what, trace, ours } = e;
      return { divergences: this.reported.toSorted(), at: this.at, difference: { step, what, trace, ours } };
    }
    return { divergences: this.reported.toSorted(), at: this.at };
  }

  private has(feature: bigint): boolean {
    return (this.features & feature) !== 0n;
  }
  private differs(what: string, trace: unknown, ours: unknown): never {
    const text = (v: unknown) => typeof v === "string" ? v : JSON.stringify(v) ?? "nothing";
    throw new Difference(this.index, what, text(trace), text(ours));
  }
  private report(id: string): void {
    if (this.reported.includes(id)) return;
    this.reported.push(id);
    this.at[id] = this.index;
  }
  private get drifted(): boolean {
    return this.reported.some((id) => DRIFT.has(id));
  }
  /**
   * A field of trace, model of Hermit, ours, corrected model. Same is same; otherwise each side must be as its model
   * says, and a defect must have been met.
   */
  private judge(what: string, trace: unknown, hermit: unknown, ours: unknown, fixed: unknown): void {
    if (sameStep(trace, ours)) return;
    if (!sameStep(trace, hermit)) this.differs(`${what} (neither as ours nor as Hermit's)`, trace, ours);
    if (!sameStep(ours, fixed)) this.differs(what, trace, ours);
    this.explain(what, trace, ours);
  }
  private explain(what: string, trace: unknown, ours: unknown): void {
    for (const id of this.pending) this.report(id);
    this.pending.clear();
    if (!this.reported.some((id) => id !== "D08" && id !== "D21")) this.differs(what, trace, ours);
  }

  private one(step: TraceStep): boolean {
    const op = step.op;
    switch (op.op) {
      case "create":
        return this.create(step);
      case "size_index":
        this.judgeValue("size", step.result.size, this.queue?.size);
        this.judgeValue("index", step.result.index, this.queue?.index);
        break;
      case "new_token":
        this.newToken(step);
        break;
      case "dispatch":
      case "dispatch_blocking":
        this.dispatch(step, [op as TokenSpec], op.op === "dispatch_blocking");
        break;
      case "dispatch_batch":
      case "dispatch_batch_await":
        this.dispatch(step, op.tokens!, false);
        break;
      case "try_recv":
        this.tryRecv(step);
        break;
      case "has_used_buffers":
        this.judge(
          "has_used_buffers",
          step.result.value,
          this.hermit.hasUsed(),
          this.queue!.hasUsedBuffers(),
          this.fixed.hasUsed(),
        );
        break;
      case "enable_notifs":
      case "disable_notifs":
        this.notifs(op.op === "enable_notifs");
        break;
      case "repeat_cycle":
        this.repeat(step);
        break;
      case "device_auto":
        this.auto = true;
        break;
      default:
        this.deviceStep(step);
    }
    this.compareState(step);
    return true;
  }

  private judgeValue(what: string, trace: unknown, ours: unknown): void {
    if (!sameStep(trace, ours)) this.differs(what, trace, ours);
  }

  private create(step: TraceStep): boolean {
    const t = this.trace, packed = t.queue_type === "packed";
    let err: string | undefined;
    try {
      const env = {
        alloc: this.world.alloc,
        indirect: this.world.indirect,
        deviceName: t.name,
        relax: () => this.runAhead(),
      };
      const features = packed ? this.features | F.RING_PACKED : this.features & ~F.RING_PACKED;
      this.queue = createVirtq(
        this.world.comCfg,
        this.world.notifCfg,
        t.requested_size,
        t.queue_index,
        features,
        env,
      );
    } catch (e) {
      if (!(e instanceof VirtqError)) throw e;
      err = e.kind;
    }
    const kind = step.result.err?.replace(/\(.*/, "");
    if (packed && this.has(F.IN_ORDER) && kind === "FeatureNotSupported" && err === undefined) {
      this.report("D14");
      return false;
    }
    this.judgeValue("max_size", step.op.max_size, t.requested_size);
    const size = Math.min(t.requested_size, t.device_max_size);
    const powerOfTwo = size > 0 && (size & (size - 1)) === 0;
    if (!packed && step.result.ok && err === "QueueSizeNotAllowed" && !powerOfTwo) {
      this.report("D15");
      return this.setUpAlone(step, size);
    }
    if (kind !== err) this.differs("result of create", step.result, err ?? "ok");
    if (err !== undefined) return false;
    const writes = (list: { reg: string; value: string }[]) => list.filter((w) => w.reg !== "queue_select");
    const select = "0x" + t.queue_index.toString(16);
    for (const w of step.config_writes ?? []) {
      if (w.reg === "queue_select") this.judgeValue("queue_select", w.value, select);
    }
    this.judgeValue("config_writes", writes(step.config_writes ?? []), writes(this.world.configWrites));
    this.judgeValue("size", t.size, this.queue!.size);
    const ours: Record<string, Uint8Array> = {};
    const area = (): Areas => ({
      desc: new Uint8Array(0),
      driver: new Uint8Array(0),
      device: new Uint8Array(0),
    });
    const forHermit = area(), forFixed = area();
    for (const a of t.areas) {
      const name = a.name as keyof Areas;
      const bytes = this.world.bytes(this.world.ringAddr[name], a.len);
      if (bytes === undefined) this.differs(`address of ${name}`, a.phys, this.world.ringAddr[name]);
      ours[name] = bytes!;
      forHermit[name] = new Uint8Array(a.len);
      forFixed[name] = new Uint8Array(a.len);
    }
    this.ourAreas = ours as unknown as Areas;
    this.hermit = this.model(true, size, forHermit);
    this.fixed = this.model(false, size, forFixed);
    const eventIdx = this.has(F.EVENT_IDX);
    this.hermitTrack = new DeviceTrack(
      t.queue_type,
      size,
      eventIdx,
      forHermit,
      (phys) => this.hermitTables.get(phys),
    );
    this.ourTrack = new DeviceTrack(
      t.queue_type,
      size,
      eventIdx,
      this.ourAreas,
      (phys, len) => this.world.bytes(phys, len),
    );
    this.compareState(step);
    return true;
  }

  private model(hermit: boolean, size: number, areas: Areas): RingModel {
    const Model = this.trace.queue_type === "packed" ? PackedModel : SplitModel;
    return new Model({
      size,
      eventIdx: this.has(F.EVENT_IDX),
      indirectDesc: this.has(F.INDIRECT_DESC),
      inOrder: this.has(F.IN_ORDER),
      hermit,
      hit: (id) => this.hit(id),
    }, areas);
  }

  /** We refused the size. What is left is to see whether the trace is what Hermit does. */
  private setUpAlone(step: TraceStep, size: number): boolean {
    this.alone = true;
    const areas: Record<string, Uint8Array> = {};
    for (const a of this.trace.areas) {
      areas[a.name] = new Uint8Array(a.len);
      if (a.len > 0) this.world.alloc.allocate(a.len, a.name);
    }
    this.judgeValue("size", this.trace.size, size);
    this.hermit = this.model(true, size, areas as unknown as Areas);
    this.hermitTrack = new DeviceTrack(
      this.trace.queue_type,
      size,
      this.has(F.EVENT_IDX),
      this.hermit.areas,
      (phys) => this.hermitTables.get(phys),
    );
    this.compareAlone(step);
    return true;
  }

  private oneAlone(step: TraceStep): void {
    const op = step.op;
    let out: Outcome | undefined;
    let returned: { token: Tok; written: number } | undefined;
    if (op.op === "size_index") this.judgeValue("size", step.result.size, this.trace.size);
    else if (op.op === "has_used_buffers") this.judgeValue("value", step.result.value, this.hermit.hasUsed());
    else if (op.op === "enable_notifs" || op.op === "disable_notifs") {
      this.hermit.setNotifs(op.op === "enable_notifs");
    } else if (op.op === "try_recv") {
      out = this.hermit.tryRecv();
      returned = out.returned?.[0];
    } else if (op.op.startsWith("dispatch")) {
      const toks = this.hermitToks(step, op.tokens ?? [op as TokenSpec]);
      out = op.tokens
        ? this.hermit.dispatchBatch(toks, op.notif!, true)
        : this.hermit.dispatch(toks[0], op.notif ?? false);
      this.keepTables(out, toks);
      if (op.op === "dispatch_blocking" && out.ok) {
        this.duringOp(step);
        this.hermit.setNotifs(false);
        const got = this.hermit.tryRecv();
        returned = got.returned?.[0];
        out = {
          ...out,
          ok: got.ok,
          err: got.err,
          panic: got.panic,
          barriers: [...out.barriers, ...got.barriers],
        };
        if (got.ok) this.hermit.setNotifs(true);
      }
      this.judgeValue("notifications", this.traceNotifications(step), this.modelNotifications(out));
    } else if (op.op === "repeat_cycle") this.repeatAlone(step);
    else if (op.op.startsWith("device_")) this.hermitDevice(step);
    if (out !== undefined) {
      this.judgeValue("result", show(step.result), show(out));
      this.judgeValue("barriers", step.barriers?.map(barrierType), out.barriers);
      const pops = step.returned?.recv.map((r) => r.pop);
      const mine = returned && expectedReturn(returned.token, returned.written, pops, this.contents.hermit);
      this.judgeValue("returned", this.plainReturned(step), mine);
      for (const table of step.indirect ?? []) {
        const bytes = out.tables.get(table.name.replace(/\.indirect$/, ""));
        this.judgeValue(`table ${table.name}`, table.hex, bytes && toHex(bytes));
      }
    }
    this.compareAlone(step);
  }

  private repeatAlone(step: TraceStep): void {
    const op = step.op;
    const spec: TokenSpec = { token: "T0", send: op.send!, recv: op.recv!, type: op.type! };
    const elems = this.build(spec, step);
    const tok = this.tok(spec, (name) => elems.elems.find((e) => e.name === name)!.elem.phys, undefined);
    let good = 0;
    for (let n = 0; n < op.count!; n++) {
      this.hermit.dispatch(tok, false);
      const chain = this.hermitTrack.pop();
      if (chain === undefined) this.differs(`cycle ${n}`, "a chain", "none");
      const written = chain!.segments.reduce((sum, s) => sum + (s.writable ? s.len : 0), 0);
      const { writes } = this.hermitTrack.complete(chain!.id, written, chain!.ndesc, written > 0);
      for (const w of writes) this.hermit.areas[w.name].set(w.bytes, w.off);
      if (this.hermit.tryRecv().ok) good++;
    }
    this.release(elems);
    this.judgeValue("cycles_ok", step.result.cycles_ok, good);
  }

  private compareAlone(step: TraceStep): void {
    const areas = this.log.next(
      step,
      (name, message) => this.differs(`area ${name}`, message, "the last step's"),
    );
    for (const { name } of this.trace.areas) {
      const wrong = bytesDiffer(areas[name as keyof Areas], this.hermit.areas[name as keyof Areas]);
      if (wrong) this.differs(`area ${name} at offset ${wrong.offset} (not as Hermit's)`, wrong.a, wrong.b);
    }
    if (step.driver_state) {
      this.checkTraceState(step.driver_state, this.hermit.state(), this.trace.queue_type === "packed");
    }
  }

  private newToken(step: TraceStep): void {
    let err: string | undefined;
    try {
      this.build({ token: null, send: step.op.send!, recv: step.op.recv!, type: "direct" }, step);
    } catch (e) {
      if (!(e instanceof VirtqError)) throw e;
      err = e.kind;
    }
    this.judgeValue("result of new_token", step.result.err, err);
  }

  /** Makes our elements and token. @throws {VirtqError} as the classes do; nothing stays allocated then. */
  private build(spec: TokenSpec, step: TraceStep, reuse = false): OurToken {
    const name = spec.token ?? "";
    const ours: OurToken = { name, token: undefined, elems: [] };
    const make = (e: ElemSpec, send: boolean, i: number): BufferElem => {
      const owner = `${name}.${send ? "send" : "recv"}${i}`;
      const object = step.objects?.find((o) => o.name === owner);
      const bytes = Uint8Array.from({ length: e.len }, (_, k) => (object?.seed ?? 0) + k);
      let elem: BufferElem;
      if (e.kind === "sized") {
        elem = BufferElem.sized(this.world.alloc, BYTES16, owner, send ? bytes : undefined);
      } else {
        const vec = DeviceVec.withCapacity(this.world.alloc, e.capacity ?? e.len, owner);
        if (send || e.capacity !== undefined) vec.set(send ? bytes : new Uint8Array(e.len));
        elem = BufferElem.vector(vec);
      }
      ours.elems.push({ name: owner, elem, send });
      return elem;
    };
    try {
      const send = spec.send.map((e, i) => make(e, true, i));
      const recv = spec.recv.map((e, i) => make(e, false, i));
      ours.token = AvailBufferToken.new(send, recv);
    } catch (e) {
      this.release(ours);
      throw e;
    }
    if (!reuse) this.tokens.set(name, ours);
    this.byToken.set(ours.token, ours);
    return ours;
  }

  private release(ours: OurToken): void {
    for (const { elem } of ours.elems) {
      if (this.world.alloc.isLive(elem.vec.buffer)) elem.free();
    }
  }

  /** The token as the models see it; `phys` by element name. */
  private tok(spec: TokenSpec, phys: (name: string) => number, table: number | undefined): Tok {
    const name = spec.token ?? "";
    const elem = (e: ElemSpec, send: boolean, i: number) => {
      const label = `${name}.${send ? "send" : "recv"}${i}`;
      return { name: label, phys: phys(label), len: e.len, capacity: e.capacity ?? e.len, writable: !send };
    };
    const elems = [
      ...spec.send.map((e, i) => elem(e, true, i)),
      ...spec.recv.map((e, i) => elem(e, false, i)),
    ];
    return { name, elems, indirect: spec.type === "indirect", table };
  }

  private dispatch(step: TraceStep, specs: TokenSpec[], blocking: boolean): void {
    const notif = step.op.notif ?? false,
      type = (s: TokenSpec) => s.type === "indirect" ? BufferType.Indirect : BufferType.Direct;
    const batch = step.op.tokens !== undefined;
    // Ours.
    const built: OurToken[] = [];
    const ours: Ours = {};
    try {
      for (const spec of specs) built.push(this.build(spec, step));
      const pairs = built.map((b, i) => [b.token!, type(specs[i])] as const);
      this.world.onNotify = () => this.auto && blocking && this.autoComplete();
      if (blocking) ours.returned = this.queue!.dispatchBlocking(pairs[0][0], pairs[0][1]);
      else if (step.op.op === "dispatch_batch_await") this.queue!.dispatchBatchAwait(pairs, notif);
      else if (batch) this.queue!.dispatchBatch(pairs, notif);
      else this.queue!.dispatch(pairs[0][0], notif, pairs[0][1]);
      ours.ok = true;
    } catch (e) {
      if (e instanceof Stalled) ours.stalled = true;
      else if (e instanceof VirtqError) ours.err = e.kind;
      else throw e;
    }
    let nextTable = 0;
    const tableOf = new Map<string, number>();
    built.forEach((b, i) => {
      if (specs[i].type !== "indirect") return;
      const table = this.world.tables[nextTable++];
      if (table === undefined) return;
      b.table = table;
      tableOf.set(b.name, table.phys);
    });
    const ourElems = new Map(
      built.flatMap((b) => b.elems.map((e) => [e.name, e.elem.phys as number] as const)),
    );
    const ourBytes = new Map(
      built.flatMap((b) =>
        b.table === undefined ? [] : [[b.name, this.world.bytes(b.table.phys, b.table.length)!]]
      ),
    );
    // Models.
    const hermitToks = this.hermitToks(step, specs);
    const fixedToks = specs.map((s) => this.tok(s, (n) => ourElems.get(n) ?? 0, tableOf.get(s.token ?? "")));
    const run = (model: RingModel, toks: Tok[]): Outcome =>
      batch ? model.dispatchBatch(toks, notif, true) : model.dispatch(toks[0], notif);
    const hermit = run(this.hermit, hermitToks);
    const fixed = run(this.fixed, fixedToks);
    this.keepTables(hermit, hermitToks);
    const returned = blocking ? this.blockingReturns(step, hermit, fixed, hermitToks[0], ours) : undefined;
    this.compareResult(step, hermit, ours, fixed);
    this.compareTables(step, hermit, fixed, ourBytes, tableOf);
    this.compareObjects(step, built);
    this.compareNotifications(step, hermit, fixed);
    this.compareBarriers(step, fixed, blocking, hermit);
    if (returned !== undefined && (ours.returned !== undefined || step.returned !== undefined)) {
      this.compareReturned(step, ours.returned, returned.hermit, returned.fixed);
    }
    if (ours.err !== undefined) {
      const live = built.some((b) => b.elems.length > 0) &&
        built.every((b) =>
          !b.token!.inFlight && b.elems.every((e) => this.world.alloc.isLive(e.elem.vec.buffer))
        );
      if (live && step.result.err !== undefined) this.report("D21");
      for (const b of built) this.release(b);
    }
  }

  private hermitToks(step: TraceStep, specs: TokenSpec[]): Tok[] {
    for (const o of step.objects ?? []) this.hermitElems.set(o.name, Number(o.phys));
    for (
      const [spec, o] of specs.flatMap((s) => this.elemSpecs(s)).map((e) =>
        [e, step.objects?.find((o) => o.name === e.name)] as const
      )
    ) {
      if (o === undefined) continue;
      const expected = { len: spec.len, capacity: spec.capacity };
      if (o.len !== expected.len || o.capacity !== expected.capacity) {
        this.differs(`element ${o.name}`, { len: o.len, capacity: o.capacity }, expected);
      }
    }
    const tables = new Map((step.indirect ?? []).map((o) => [o.name, Number(o.phys)]));
    for (const o of step.indirect ?? []) this.judgeValue(`length of ${o.name}`, o.len, o.hex.length / 2);
    return specs.map((s) =>
      this.tok(
        s,
        (n) => this.hermitElems.get(n) ?? 0,
        tables.get(`${s.token}.indirect`) ?? this.duringTable(step, s),
      )
    );
  }
  /** Length and capacity that the elements of a token have before the device writes. */
  private elemSpecs(s: TokenSpec): { name: string; len: number; capacity: number }[] {
    const one = (e: ElemSpec, send: boolean, i: number) => ({
      name: `${s.token}.${send ? "send" : "recv"}${i}`,
      len: send || e.kind === "sized" || e.capacity !== undefined ? e.len : 0,
      capacity: e.capacity ?? e.len,
    });
    return [...s.send.map((e, i) => one(e, true, i)), ...s.recv.map((e, i) => one(e, false, i))];
  }
  private keepTables(hermit: Outcome, toks: Tok[]): void {
    for (const [name, bytes] of hermit.tables) {
      const table = toks.find((x) => x.name === name)?.table;
      if (table !== undefined) this.hermitTables.set(table, bytes);
    }
  }

  /** A blocking dispatch records its table only in the chain that the device saw. */
  private duringTable(step: TraceStep, spec: TokenSpec): number | undefined {
    const name = `${spec.token}.`;
    const found = step.device_during_op?.find((d) => d.chain.segments.some((s) => s.name.startsWith(name)));
    return found?.chain.indirect ? Number(found.chain.indirect.phys) : undefined;
  }

  private blockingReturns(step: TraceStep, hermit: Outcome, fixed: Outcome, own: Tok, ours: Ours) {
    this.duringOp(step);
    for (const w of this.ourWrites) this.fixed.areas[w.name].set(w.bytes, w.off);
    let fromHermit: { token: Tok; written: number } | undefined;
    let fromFixed: { token: Tok; written: number } | undefined;
    if (hermit.ok) {
      if (this.disabled) this.hit("D12");
      this.hermit.setNotifs(false);
      const got = this.hermit.tryRecv();
      if (got.err === "NoNewUsed") {
        this.differs("dispatch_blocking would never end", step.result, "no used entry");
      }
      hermit.barriers.push(...got.barriers);
      Object.assign(hermit, { ok: got.ok, err: got.err, panic: got.panic });
      fromHermit = got.returned?.[0];
      if (got.ok) this.hermit.setNotifs(true);
      if (fromHermit !== undefined && fromHermit.token.name !== own.name) this.hit("D12");
    }
    if (fixed.ok) {
      const others = [];
      while (fromFixed === undefined) {
        const got = this.fixed.tryRecv();
        if (got.returned === undefined) {
          if (got.err !== "NoNewUsed") Object.assign(fixed, { ok: undefined, err: got.err });
          break;
        }
        if (got.returned[0].token.name === own.name) fromFixed = got.returned[0];
        else others.push(got.returned[0]);
      }
      for (const other of others) this.fixed.keep(other);
    }
    if (ours.stalled) {
      if (fromFixed !== undefined) this.differs("dispatch_blocking", step.result, "waits for ever");
      this.explain("dispatch_blocking", step.result, "waits for a buffer that the trace never completes");
    }
    return { hermit: fromHermit, fixed: fromFixed };
  }
  private duringOp(step: TraceStep): void {
    for (const during of step.device_during_op ?? []) {
      this.hermitPop(during.chain);
      const chain = this.chains.get(during.chain.label)!.hermit;
      const { writes, interrupt } = this.hermitTrack.complete(
        chain.id,
        during.used_len,
        chain.ndesc,
        during.used_len > 0,
      );
      this.judgeValue("interrupt", during.interrupt, interrupt);
      this.checkDeviceWrites(during.device_writes, writes, during.chain, during.used_len, during.seed);
      this.hermitWrites(during.device_writes);
    }
  }
  /** The trace's writes must be those of its own operation: data from `seed` on, then the used entry. */
  private checkDeviceWrites(
    trace: { name: string; off: number; hex: string }[],
    used: AreaWrite[],
    chain: TraceChain | undefined,
    bytes: number,
    seed: number,
  ): void {
    const expected: { name: string; off: number; hex: string }[] = [];
    let done = 0;
    for (const s of chain?.segments ?? []) {
      const n = s.writable ? Math.min(s.len, bytes - done) : 0;
      if (n === 0) continue;
      const data = Uint8Array.from({ length: n }, (_, k) => seed + done + k);
      expected.push({ name: s.name, off: s.off, hex: toHex(data) });
      done += n;
    }
    for (const w of used) expected.push({ name: w.name, off: w.off, hex: toHex(w.bytes) });
    if (!sameStep(trace, expected)) this.differs("device_writes", trace, expected);
  }
  private hit(id: string): void {
    if (!this.reported.includes(id)) this.pending.add(id);
  }

  private compareResult(step: TraceStep, hermit: Outcome, ours: Ours, fixed: Outcome): void {
    if (ours.stalled) return;
    this.judge("result", show(step.result), show(hermit), show(ours), show(fixed));
  }

  private compareTables(
    step: TraceStep,
    hermit: Outcome,
    fixed: Outcome,
    ours: Map<string, Uint8Array>,
    ourPhys: Map<string, number>,
  ): void {
    for (const table of step.indirect ?? []) {
      const name = table.name.replace(/\.indirect$/, "");
      const mine = ours.get(name);
      const text = (b: Uint8Array | undefined) => b === undefined ? "none" : toHex(b);
      this.judge(
        `table ${table.name}`,
        table.hex,
        text(hermit.tables.get(name)),
        text(mine),
        text(fixed.tables.get(name)),
      );
      const phys = ourPhys.get(name);
      if (phys !== undefined && phys !== Number(table.phys) && !this.drifted) {
        this.differs(`address of ${table.name}`, table.phys, "0x" + phys.toString(16));
      }
    }
  }

  private compareObjects(step: TraceStep, built: OurToken[]): void {
    const elems = new Map(built.flatMap((b) => b.elems.map((e) => [e.name, e.elem] as const)));
    for (const o of step.objects ?? []) {
      const elem = elems.get(o.name);
      if (elem === undefined) continue;
      const where = { phys: o.phys, capacity: o.capacity };
      const ours = { phys: "0x" + elem.phys.toString(16), capacity: elem.capacity };
      if (o.capacity !== elem.capacity || (o.phys !== ours.phys && !this.drifted)) {
        this.differs(`element ${o.name}`, where, ours);
      }
    }
  }

  private traceNotifications(step: TraceStep) {
    for (const n of step.notifications) {
      const { vqn, next_idx, next_off, next_wrap } = n.data;
      if (
        vqn !== this.trace.queue_index || next_off !== (next_idx & 0x7fff) || next_wrap !== next_idx >> 15
      ) {
        this.differs("notification data", n.data, `vqn ${this.trace.queue_index}, next ${next_idx}`);
      }
    }
    return step.notifications.map((n) => ({ width: n.width, value: Number(n.value), next: n.data.next_idx }));
  }
  private modelNotifications(o: Outcome) {
    const data = this.has(F.NOTIFICATION_DATA), vqn = this.trace.queue_index;
    if (o.notify === undefined) return [];
    return [{ width: data ? 4 : 2, value: data ? (vqn | (o.notify << 16)) >>> 0 : vqn, next: o.notify }];
  }
  private compareNotifications(step: TraceStep, hermit: Outcome, fixed: Outcome): void {
    const trace = this.traceNotifications(step);
    const list = (o: Outcome) => this.modelNotifications(o);
    this.judge("notifications", trace, list(hermit), this.world.notifications, list(fixed));
    if (step.result.err !== undefined && step.device_wants_notify) {
      this.differs("device_wants_notify", true, "false: nothing was made available");
    }
    if (step.result.ok && step.device_wants_notify !== undefined && !this.drifted) {
      const wants = fixed.notify !== undefined;
      if (fixed.ok && step.device_wants_notify !== wants) {
        this.differs("device_wants_notify", step.device_wants_notify, wants);
      }
    }
  }

  /**
   * Barriers: the types in order must agree, the kind (smp, dma) is the other way round in Hermit: D08. Reads are
   * compared with what the corrected model says: in the split ring the read barrier belongs after the load of the
   * used index, so that a try_recv that finds nothing has none.
   */
  private compareBarriers(
    step: TraceStep,
    fixed: Outcome | undefined,
    blocking = false,
    hermit?: Outcome,
  ): void {
    if (step.barriers === undefined) return;
    const types = step.barriers.map(barrierType);
    if (
      hermit !== undefined && !sameStep(types, hermit.barriers) &&
      !sameStep(types, this.world.barriers.map(barrierType))
    ) {
      this.differs("barriers (neither as ours nor as Hermit's)", types, hermit.barriers);
    }
    const right = this.has(F.ORDER_PLATFORM) ? "dma" : "smp", wrong = right === "dma" ? "smp" : "dma";
    const ours = this.world.barriers;
    if (ours.some((b) => !b.startsWith(right))) this.differs("kind of barriers", step.barriers, ours);
    const reversed = step.barriers.length > 0 && step.barriers.every((b) => b.startsWith(wrong));
    if (!reversed && step.barriers.some((b) => !b.startsWith(right))) {
      this.differs("kind of barriers", step.barriers, ours);
    }
    const traceTypes = types, ourTypes = ours.map(barrierType);
    const compare = (list: string[]) =>
      blocking || step.op.op === "try_recv" ? list.filter((b) => b !== "read") : list;
    if (step.op.op === "enable_notifs") {
      if (traceTypes.length > 0 || ourTypes.some((b) => b === "write")) {
        this.differs("barriers", traceTypes, ourTypes);
      }
    } else if (blocking) {
      const own = compare(ourTypes).slice(0, 2);
      if (
        !sameStep(compare(traceTypes), own) && !sameStep(own, fixed?.barriers.filter((b) => b !== "read"))
      ) {
        this.differs("barriers", traceTypes, ourTypes);
      }
    } else if (step.op.op === "try_recv" && this.trace.queue_type === "split" && this.has(F.EVENT_IDX)) {
      // A new used_event is ordered before the used index is looked at again (virtio 1.4, 2.7.7.1).
      if (ourTypes.some((b) => b === "write")) this.differs("barriers", traceTypes, ourTypes);
      if (ourTypes.includes("general")) this.report("D13");
    } else if (!sameStep(compare(traceTypes), compare(ourTypes))) {
      if (!sameStep(compare(ourTypes), compare(fixed?.barriers ?? []))) {
        this.differs("barriers", traceTypes, ourTypes);
      }
      this.explain("barriers", traceTypes, ourTypes);
    }
    const reads = ourTypes.filter((b) => b === "read").length;
    const due = fixed?.barriers.filter((b) => b === "read").length ?? 0;
    if (step.op.op === "try_recv" && reads < due) this.differs("read barrier", traceTypes, ourTypes);
    if (reversed) this.report("D08");
  }

  private tryRecv(step: TraceStep): void {
    const ours: Ours = {};
    let broken: AvailBufferToken | undefined;
    try {
      ours.returned = this.queue!.tryRecv();
      if (ours.returned === undefined) ours.err = "NoNewUsed";
      else ours.ok = true;
    } catch (e) {
      if (!(e instanceof VirtqError)) throw e;
      ours.err = e.kind;
      broken = (e as { token?: AvailBufferToken }).token;
    }
    const hermit = this.hermit.tryRecv(), fixed = this.fixed.tryRecv();
    this.compareResult(step, hermit, ours, fixed);
    this.compareBarriers(step, fixed, false, hermit);
    if (ours.returned !== undefined || step.returned !== undefined) {
      this.compareReturned(step, ours.returned, hermit.returned?.[0], fixed.returned?.[0]);
    }
    if (broken !== undefined && this.byToken.has(broken)) this.release(this.byToken.get(broken)!);
  }

  private compareReturned(
    step: TraceStep,
    used: UsedBufferToken | undefined,
    fromHermit: { token: Tok; written: number } | undefined,
    fromFixed: { token: Tok; written: number } | undefined,
  ): void {
    const trace = step.returned;
    const mine = used === undefined ? undefined : this.byToken.get(used.token)!;
    const pops = trace?.recv.map((r) => r.pop);
    const kinds = trace?.token === mine?.name ? pops : undefined;
    const ours = used === undefined ? undefined : this.popAll(used, mine!, kinds);
    const hermit = fromHermit &&
      expectedReturn(fromHermit.token, fromHermit.written, pops, this.contents.hermit);
    const fixed = fromFixed && expectedReturn(fromFixed.token, fromFixed.written, kinds, this.contents.ours);
    const plain = this.plainReturned(step);
    this.judge("returned", plain, hermit, ours, fixed);
    if (trace !== undefined && fromHermit !== undefined) {
      for (const item of [...trace.send, ...trace.recv]) {
        const elem = fromHermit.token.elems.find((e) => e.name === item.name);
        if (item.phys !== undefined && Number(item.phys) !== elem?.phys) {
          this.differs(`address of ${item.name}`, item.phys, elem?.phys);
        }
      }
    }
    if (mine !== undefined) this.release(mine);
  }

  /** `returned` of the trace without addresses and texts of panics. */
  private plainReturned(step: TraceStep): Returned | undefined {
    const trace = step.returned;
    const strip = (r: TracePop) => {
      const { phys: _phys, panic, ...rest } = r;
      return (panic === undefined ? rest : { ...rest, panic: true }) as unknown as TracePop;
    };
    return trace && {
      token: trace.token,
      written_len: trace.written_len,
      send: trace.send.map((s) => ({ name: s.name, len: s.len })),
      recv: trace.recv.map(strip),
      extra_pop_vec: trace.extra_pop_vec,
      // Where a pop of the wrong kind panicked, Hermit lost the element; ours stays. The panic itself is compared.
      elems_left: trace.recv.some((r) => r.panic !== undefined) ? null : trace.elems_left,
      written_len_left: trace.written_len_left,
    };
  }

  private popAll(used: UsedBufferToken, mine: OurToken, kinds: string[] | undefined): Returned {
    const buffer = used.usedRecvBuff;
    const recv = mine.elems.filter((e) => !e.send);
    const result: Returned = {
      token: mine.name,
      written_len: used.writtenLen,
      send: used.sendBuff.map((e) => ({
        name: mine.elems.find((m) => m.elem === e)?.name ?? "?",
        len: e.len,
      })),
      recv: [],
      extra_pop_vec: null,
      elems_left: 0,
      written_len_left: 0,
    };
    let failed = false;
    recv.forEach(({ name, elem }, i) => {
      const pop = kinds?.[i] ?? (elem.kind === "Vector" ? "vec" : "raw");
      const item: Record<string, unknown> = { name, pop };
      try {
        let bytes: Uint8Array | undefined;
        if (pop === "vec") bytes = buffer.popFrontVec()?.bytes();
        else if (pop === "downcast") bytes = buffer.popFrontDowncast(BYTES16);
        else {
          const raw = buffer.popFrontRaw();
          bytes = raw && this.world.bytes(raw.elem.phys, raw.length);
        }
        if (bytes === undefined) item.none = true;
        else {
          item.len = bytes.length;
          item.hex = toHex(bytes);
        }
      } catch (e) {
        if (!(e instanceof VirtqError)) throw e;
        item.panic = true;
        failed = true;
      }
      result.recv.push(item as unknown as TracePop);
    });
    if (recv.every((r) => r.elem.kind === "Vector")) {
      result.extra_pop_vec = buffer.popFrontVec() !== undefined;
    }
    result.elems_left = failed ? null : buffer.elementsLeft;
    result.written_len_left = buffer.remaining;
    return result;
  }

  private notifs(on: boolean): void {
    if (on) this.queue!.enableNotifs();
    else this.queue!.disableNotifs();
    this.disabled = !on;
    this.hermit.setNotifs(on);
    this.fixed.setNotifs(on);
    this.compareBarriers(this.step, undefined);
  }

  // The device.

  private hermitWrites(writes: { name: string; off: number; hex: string }[]): void {
    for (const w of writes) {
      const bytes = fromHex(w.hex);
      if ((AREAS as readonly string[]).includes(w.name)) {
        const area = this.hermit.areas[w.name as keyof Areas];
        if (w.off + bytes.length > area.length) {
          this.differs(`device write to ${w.name}`, w, `${area.length} bytes`);
        }
        area.set(bytes, w.off);
      } else this.content("hermit", w.name, w.off, bytes);
    }
  }
  private content(side: "hermit" | "ours", name: string, off: number, bytes: Uint8Array): void {
    let all = this.contents[side].get(name);
    if (all === undefined || all.length < off + bytes.length) {
      const grown = new Uint8Array(off + bytes.length);
      if (all !== undefined) grown.set(all);
      this.contents[side].set(name, all = grown);
    }
    all.set(bytes, off);
  }
  private applyOurs(w: AreaWrite): void {
    this.ourAreas[w.name].set(w.bytes, w.off);
    this.ourWrites.push(w);
  }
  private elemWrite(name: string, off: number, bytes: Uint8Array): void {
    const elem = this.tokens.get(name.slice(0, name.indexOf(".")))?.elems.find((e) => e.name === name)?.elem;
    if (elem === undefined) {
      const table = this.tokens.get(name.replace(/\.indirect$/, ""))?.table;
      if (table !== undefined) this.world.bytes(table.phys + off, bytes.length)?.set(bytes);
      return;
    }
    this.world.bytes(elem.phys + off, bytes.length)?.set(bytes);
    this.content("ours", name, off, bytes);
  }

  private deviceStep(step: TraceStep): void {
    const ahead = this.doneAhead.has(step.i);
    this.hermitDevice(step);
    if (!ahead) {
      this.ourDevice(step, true);
      for (const w of this.ourWrites) this.fixed.areas[w.name].set(w.bytes, w.off);
    }
  }

  private hermitPop(trace: TraceChain): void {
    const found = this.hermitTrack.pop();
    const show = (c: FoundChain | undefined) =>
      c && {
        id: c.id,
        ndesc: c.ndesc,
        indirect: c.indirect === undefined ? null : c.indirect,
        segments: c.segments,
      };
    const plain = {
      id: trace.id,
      ndesc: trace.ndesc,
      indirect: trace.indirect && { phys: Number(trace.indirect.phys), len: trace.indirect.len },
      segments: trace.segments.map((s) => ({ phys: Number(s.phys), len: s.len, writable: s.writable })),
    };
    if (!sameStep(plain, show(found))) this.differs("chain that the device found", plain, show(found));
    const token = trace.segments[0]?.name.replace(/\..*/, "") ?? "";
    for (const s of trace.segments) {
      const base = this.hermitElems.get(s.name);
      if (base !== undefined && base + s.off !== Number(s.phys)) {
        this.differs(`address of ${s.name}`, s, base);
      }
    }
    const ours = this.chains.get(trace.label)?.ours;
    this.chains.set(trace.label, { trace, hermit: found!, ours, token });
  }

  private hermitDevice(step: TraceStep): void {
    const op = step.op;
    if (op.op === "device_pop") {
      if (step.result.chain) this.hermitPop(step.result.chain);
      else if (this.hermitTrack.pop() !== undefined) {
        this.differs("chain that the device found", "none", "one");
      }
      return;
    }
    if (op.op === "device_complete" || op.op === "device_push_used_raw") {
      const known = op.op === "device_complete" ? this.chains.get(op.chain!) : undefined;
      if (op.op === "device_complete" && known === undefined) this.differs("chain", op.chain, "never popped");
      const id = known?.hermit.id ?? op.id!, ndesc = known?.hermit.ndesc ?? op.ndesc!;
      const wrote = op.op === "device_complete" ? op.write_bytes! > 0 : this.rawWriteFlag(step);
      const { writes, interrupt } = this.hermitTrack.complete(id, op.used_len!, ndesc, wrote);
      this.checkDeviceWrites(
        step.device_writes ?? [],
        writes,
        known?.trace,
        op.write_bytes ?? 0,
        op.seed ?? 0,
      );
      if (step.result.interrupt !== undefined && step.result.interrupt !== interrupt) {
        this.differs("interrupt", step.result.interrupt, interrupt);
      }
    }
    this.hermitWrites(step.device_writes ?? []);
  }
  private rawWriteFlag(step: TraceStep): boolean {
    const flags = step.device_writes?.find((w) => w.name === "desc" && w.off % 16 === 14);
    return flags !== undefined && (parseInt(flags.hex.slice(0, 2), 16) & 2) !== 0;
  }

  private nameOf(phys: number): string {
    for (const ours of this.tokens.values()) {
      for (const e of ours.elems) {
        if (e.elem.phys === phys && this.world.alloc.isLive(e.elem.vec.buffer)) return e.name;
      }
    }
    return "?";
  }

  private ourPop(trace: TraceChain, known: { ours: FoundChain | undefined; token: string }): void {
    const ours = this.tokens.get(known.token);
    if (ours?.token === undefined || !ours.token.inFlight) return;
    const early = this.extra.findIndex((e) => e.token === known.token);
    if (early >= 0) known.ours = this.extra.splice(early, 1)[0].chain;
    while (known.ours === undefined) {
      const chain = this.ourTrack.pop();
      if (chain === undefined) this.differs(`chain of ${known.token}`, trace.label, "not in our ring");
      const token = this.nameOf(chain!.segments[0]?.phys ?? -1).replace(/\..*/, "");
      if (token === known.token) known.ours = chain;
      else if (!this.drifted) this.differs("order of chains", known.token, token);
      else this.extra.push({ chain: chain!, token });
    }
    const show = (segments: { name: string; len: number; writable: boolean }[], c: { ndesc: number }) => ({
      ndesc: c.ndesc,
      segments: segments.map((s) => ({ name: s.name, len: s.len, writable: s.writable })),
    });
    const chain = known.ours;
    const mine = show(chain.segments.map((s) => ({ ...s, name: this.nameOf(s.phys) })), chain);
    if (!sameStep(show(trace.segments, trace), mine)) {
      this.differs("chain in our ring", show(trace.segments, trace), mine);
    }
  }

  /** The part of a device step that concerns our queue. */
  private ourDevice(step: TraceStep, judge: boolean): void {
    const op = step.op;
    if (op.op === "device_pop") {
      const chain = step.result.chain;
      if (!chain) {
        if (this.drifted) return;
        const found = this.ourTrack.pop();
        if (found !== undefined) this.differs("chain that the device found", "none", found);
        return;
      }
      const known = this.chains.get(chain.label) ??
        { ours: undefined, token: chain.segments[0].name.replace(/\..*/, ""), hermit: undefined as never };
      this.ourPop(chain, known);
      this.chains.set(chain.label, known);
      return;
    }
    if (op.op === "device_poke") {
      for (const w of step.device_writes ?? []) {
        if ((AREAS as readonly string[]).includes(w.name)) {
          this.applyOurs({ name: w.name as keyof Areas, off: w.off, bytes: fromHex(w.hex) });
        } else this.elemWrite(w.name, w.off, fromHex(w.hex));
      }
      return;
    }
    const chain = op.op === "device_complete" ? this.chains.get(op.chain!)?.ours : undefined;
    if (op.op === "device_complete" && chain === undefined) return;
    for (const w of step.device_writes ?? []) {
      if (!(AREAS as readonly string[]).includes(w.name)) this.elemWrite(w.name, w.off, fromHex(w.hex));
    }
    const wrote = op.op === "device_complete" ? op.write_bytes! > 0 : this.rawWriteFlag(step);
    const done = this.ourTrack.complete(chain?.id ?? op.id!, op.used_len!, chain?.ndesc ?? op.ndesc!, wrote);
    for (const w of done.writes) this.applyOurs(w);
    const met = ["D05", "D11", "D12", "D13"].some((id) => this.reported.includes(id) || this.pending.has(id));
    if (judge && step.result.interrupt !== done.interrupt && !met && !this.has(F.EVENT_IDX)) {
      this.differs("interrupt", step.result.interrupt, done.interrupt);
    }
  }

  /** `device_auto`: completes everything available, all writable bytes, seed 0xd0. */
  private autoComplete(): void {
    for (let chain = this.ourTrack.pop(); chain !== undefined; chain = this.ourTrack.pop()) {
      let written = 0;
      for (const s of chain.segments) {
        if (!s.writable) continue;
        this.elemWrite(
          this.nameOf(s.phys),
          0,
          Uint8Array.from({ length: s.len }, (_, k) => 0xd0 + written + k),
        );
        written += s.len;
      }
      for (const w of this.ourTrack.complete(chain.id, written, chain.ndesc, written > 0).writes) {
        this.applyOurs(w);
      }
    }
  }

  /** A blocking dispatch waits: the device goes on with the steps that the trace has for it. */
  private runAhead(): void {
    for (let i = this.index + 1; i < this.trace.steps.length; i++) {
      const step = this.trace.steps[i];
      if (!step.op.op.startsWith("device_") || step.op.op === "device_auto") continue;
      if (this.doneAhead.has(i)) continue;
      this.doneAhead.add(i);
      this.ourDevice(step, false);
      if (step.op.op === "device_complete") return;
    }
    throw new Stalled();
  }

  private repeat(step: TraceStep): void {
    const op = step.op;
    let good = 0, sent = 0, last: unknown = null;
    const stem = this.trace.steps.find((s) => s.objects !== undefined);
    for (let n = 0; n < op.count!; n++) {
      const spec: TokenSpec = { token: "T0", send: op.send!, recv: op.recv!, type: op.type! };
      this.world.barriers.length = n === 0 ? 0 : this.world.barriers.length;
      this.world.notifications.length = this.world.tables.length = 0;
      this.ourWrites = [];
      const ours = this.build(spec, stem ?? step);
      this.queue!.dispatch(
        ours.token!,
        false,
        op.type === "indirect" ? BufferType.Indirect : BufferType.Direct,
      );
      const table = this.world.tables[0]?.phys;
      const phys = (name: string) => ours.elems.find((e) => e.name === name)!.elem.phys as number;
      const tok = this.tok(spec, phys, table);
      const hermit = this.hermit.dispatch(tok, false);
      this.fixed.dispatch(tok, false);
      for (const bytes of hermit.tables.values()) this.hermitTables.set(table!, bytes);
      const mine = this.ourTrack.pop(), theirs = this.hermitTrack.pop();
      if (mine === undefined || theirs === undefined) this.differs(`cycle ${n}`, "a chain", "none");
      let written = 0;
      for (const s of mine!.segments) {
        if (s.writable) {
          this.world.bytes(s.phys, s.len)!.fill(n & 255);
          written += s.len;
        }
      }
      const complete = (track: DeviceTrack, c: FoundChain) =>
        track.complete(c.id, written, c.ndesc, written > 0).writes;
      for (const w of complete(this.ourTrack, mine!)) {
        this.applyOurs(w);
        this.fixed.areas[w.name].set(w.bytes, w.off);
      }
      for (const w of complete(this.hermitTrack, theirs!)) this.hermit.areas[w.name].set(w.bytes, w.off);
      const used = this.queue!.tryRecv();
      this.hermit.tryRecv();
      this.fixed.tryRecv();
      if (used?.token === ours.token && used?.writtenLen === written) good++;
      for (const sentOne of this.world.notifications) {
        sent++;
        const bits = (this.trace.queue_index | (sentOne.next << 16)) >>> 0;
        const digits = sentOne.width * 2;
        last = {
          width: sentOne.width,
          value: "0x" + sentOne.value.toString(16).padStart(digits, "0"),
          data_bits: "0x" + bits.toString(16).padStart(8, "0"),
        };
      }
      this.release(ours);
      this.byToken.delete(ours.token!);
    }
    this.judgeValue("cycles_ok", step.result.cycles_ok, good);
    this.judgeValue("notification_count", step.result.notification_count, sent);
    this.judgeValue("last_notification", step.result.last_notification, last);
    if (step.barrier_count !== undefined) {
      this.judgeValue("barrier_count", step.barrier_count, this.world.barriers.length);
    }
  }

  // The state after a step.

  private compareState(step: TraceStep): void {
    const areas = this.log.next(
      step,
      (name, message) => this.differs(`area ${name}`, message, "the last step's"),
    );
    for (const { name } of this.trace.areas) {
      const key = name as keyof Areas;
      const trace = areas[key],
        hermit = this.hermit.areas[key],
        ours = this.ourAreas[key],
        fixed = this.fixed.areas[key];
      if (!bytesDiffer(trace, ours)) continue;
      const wrong = bytesDiffer(trace, hermit);
      if (wrong) {
        this.differs(
          `area ${name} at offset ${wrong.offset} (neither as ours nor as Hermit's)`,
          wrong.a,
          bytesDiffer(trace, ours)!.b,
        );
      }
      const split = bytesDiffer(ours, fixed, (o) => this.masked(key, o));
      if (split) {
        const side = bytesDiffer(trace, ours)!;
        this.differs(`area ${name} at offset ${side.offset}`, side.a, side.b);
      }
      if (bytesDiffer(trace, ours, (o) => this.masked(key, o) !== undefined) === undefined) {
        for (let o = 0; o < trace.length; o++) {
          const id = trace[o] === ours[o] ? undefined : this.masked(key, o);
          if (id !== undefined) this.report(id);
        }
      } else this.explain(`area ${name}`, "its bytes", "other bytes");
    }
    this.compareDriver(step);
  }

  /** Bytes whose value the corrected model leaves open, and the divergence that they belong to. */
  private masked(area: keyof Areas, offset: number): string | undefined {
    if (area === "driver" && this.has(F.EVENT_IDX)) {
      if (this.trace.queue_type === "packed") return this.met("D05") ? "D05" : undefined;
      return offset >= 4 + 2 * this.trace.size ? "D13" : undefined;
    }
    if (
      area === "driver" && offset < 2 && this.trace.queue_type === "split" && this.met("D11") && this.disabled
    ) {
      return "D11";
    }
    return this.has(F.IN_ORDER) && this.trace.queue_type === "split" ? "D14" : undefined;
  }
  private met(id: string): boolean {
    return this.reported.includes(id) || this.pending.has(id);
  }

  private compareDriver(step: TraceStep): void {
    const t = step.driver_state;
    if (t === null) return;
    const packed = this.trace.queue_type === "packed";
    const h = this.hermit.state(), x = this.fixed.state(), snapshot = this.queue!.snapshot();
    this.checkTraceState(t, h, packed);
    const live = (list: { id: number; ndesc: number }[]) =>
      list.map((l) => ({ id: l.id, ndesc: l.ndesc })).sort((a, b) => a.id - b.id);
    const both = (s: typeof h) => ({ free: s.capacity, live: live(s.live), hasUsed: s.hasUsed });
    const trace = {
      free: packed ? t.capacity : t.free_count,
      live: live(t.live),
      hasUsed: t.has_used_buffers,
    };
    const ours = {
      free: snapshot.free,
      live: live(snapshot.inFlight.map((f) => ({ id: f.id, ndesc: f.descriptors }))),
      hasUsed: this.queue!.hasUsedBuffers(),
    };
    if (this.has(F.IN_ORDER)) trace.live = ours.live = [];
    const strip = (s: ReturnType<typeof both>) => this.has(F.IN_ORDER) ? { ...s, live: [] } : s;
    this.judge("driver_state", trace, strip(both(h)), ours, strip(both(x)));
  }

  /** The private variables that the trace shows must fit the model of Hermit, or what follows would prove nothing. */
  private checkTraceState(t: DriverState, h: ReturnType<RingModel["state"]>, packed: boolean): void {
    const free = typeof t.free === "string"
      ? t.free.split(/[ ,]+/).filter((r) => r !== "").flatMap((r) => {
        const [from, to] = r.split("-").map(Number);
        return Array.from({ length: (to ?? from) - from + 1 }, (_, k) => from + k);
      })
      : t.free;
    const list = (l: typeof t.live) => l.toSorted((a, b) => a.id - b.id);
    const trace: Record<string, unknown> = {
      free,
      free_count: t.free_count,
      live: list(t.live),
      used: t.has_used_buffers,
    };
    const model: Record<string, unknown> = {
      free: h.free,
      free_count: h.free.length,
      live: list(h.live),
      used: h.hasUsed,
    };
    if (packed) {
      Object.assign(trace, {
        write: t.write_index,
        poll: t.poll_index,
        capacity: t.capacity,
        last: t.last_next,
      });
      Object.assign(trace, { drv: t.drv_f_notif_idx, dev: t.dev_f_notif_idx });
      Object.assign(model, { drv: this.has(F.EVENT_IDX), dev: false });
      const last = (this.hermit as PackedModel).lastNext;
      Object.assign(model, { write: h.write, poll: h.read, capacity: h.capacity, last });
    } else {
      trace.read = t.read_idx;
      model.read = h.read.off;
    }
    if (!sameStep(trace, model)) this.differs("driver_state (not as Hermit's)", trace, model);
  }
}

/**
 * Replays a trace on our queue.
 *
 * ```ts
 * import { readTrace } from "./schema.ts";
 * import { replayTrace } from "./replay.ts";
 * const text = Deno.readTextFileSync("tests/data/golden/split/direct_1s1r.json");
 * console.log(replayTrace(readTrace(JSON.parse(text), "direct_1s1r.json")).divergences); // ["D08"]
 * ```
 */
export function replayTrace(trace: Trace): ReplayResult {
  return new Replay(trace).run();
}
