import { AvailBufferToken, BufferType } from "../../drivers/virtio/virtqueue/token.ts";
import { createVirtq } from "../../drivers/virtio/virtqueue/mod.ts";
import { VirtqError } from "../../drivers/virtio/error.ts";
import { F } from "../../spec/mod.ts";
import { DeviceTrack, type FoundChain } from "./device.ts";
import { type Areas, type Outcome, type RingModel, type Tok } from "./model.ts";
import { type TokenSpec, type Trace, type TraceStep } from "./schema.ts";
import { AloneReplay } from "./alone.ts";
import { Difference, type Ours, type OurStep, type OurToken, type ReplayResult, Stalled } from "./judge.ts";

export { Difference, type OurStep, type ReplayResult } from "./judge.ts";

/** Replays one trace. Use {@link replayTrace}. */
class Replay extends AloneReplay {
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
        this.tellWatcher(step);
      }
    } catch (e) {
      if (!(e instanceof Difference)) throw e;
      this.tellWatcher(this.step);
      const { step, what, trace, ours } = e;
      return { divergences: this.reported.toSorted(), at: this.at, difference: { step, what, trace, ours } };
    }
    return { divergences: this.reported.toSorted(), at: this.at };
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

  private notifs(on: boolean): void {
    if (on) this.queue!.enableNotifs();
    else this.queue!.disableNotifs();
    this.disabled = !on;
    this.hermit.setNotifs(on);
    this.fixed.setNotifs(on);
    this.compareBarriers(this.step, undefined);
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
}

/**
 * Replays a trace on our queue. `watch` is told after each step what ours did.
 *
 * ```ts
 * import { readTrace } from "./schema.ts";
 * import { replayTrace } from "./replay.ts";
 * const text = Deno.readTextFileSync("tests/data/golden/split/direct_1s1r.json");
 * console.log(replayTrace(readTrace(JSON.parse(text), "direct_1s1r.json")).divergences); // ["D08"]
 * ```
 */
export function replayTrace(trace: Trace, watch?: (ours: OurStep) => void): ReplayResult {
  const replay = new Replay(trace);
  replay.watch = watch;
  return replay.run();
}
