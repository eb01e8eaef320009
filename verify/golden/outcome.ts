import { type UsedBufferToken } from "../../drivers/virtio/virtqueue/token.ts";
import { VirtqError } from "../../drivers/virtio/error.ts";
import { F } from "../../spec/mod.ts";
import { expectedReturn, type Returned, sameStep } from "./compare.ts";
import { type Outcome, type Tok } from "./model.ts";
import { toHex, type TracePop, type TraceStep } from "./schema.ts";
import { StateReplay } from "./state.ts";
import { barrierType, BYTES16, type Ours, type OurToken, show } from "./judge.ts";

/** What an operation of the driver gave: result, tables, notifications, barriers, returned buffers. */
export abstract class OutcomeReplay extends StateReplay {
  protected compareResult(step: TraceStep, hermit: Outcome, ours: Ours, fixed: Outcome): void {
    if (ours.stalled) return;
    this.judge("result", show(step.result), show(hermit), show(ours), show(fixed));
  }

  protected compareTables(
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

  protected compareObjects(step: TraceStep, built: OurToken[]): void {
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

  protected traceNotifications(step: TraceStep) {
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

  protected modelNotifications(o: Outcome) {
    const data = this.has(F.NOTIFICATION_DATA), vqn = this.trace.queue_index;
    if (o.notify === undefined) return [];
    return [{ width: data ? 4 : 2, value: data ? (vqn | (o.notify << 16)) >>> 0 : vqn, next: o.notify }];
  }

  protected compareNotifications(step: TraceStep, hermit: Outcome, fixed: Outcome): void {
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
  protected compareBarriers(
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

  protected compareReturned(
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
  protected plainReturned(step: TraceStep): Returned | undefined {
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

  protected popAll(used: UsedBufferToken, mine: OurToken, kinds: string[] | undefined): Returned {
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
}
