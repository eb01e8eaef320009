import { generalBarrier } from "../../../arch/barrier.ts";
import type { DeviceMemory } from "../../../arch/device_memory.ts";
import type { DeviceBuffer } from "../../../mm/device_alloc.ts";
import { F } from "../../../spec/virtio/features.ts";
import { writeTable } from "./table.ts";
import { VirtqError } from "../error.ts";
import type { NotifCtrl, VqCfgHandler } from "../transport/mod.ts";
import { IndexAlloc } from "./index_alloc.ts";
import { type OpenQueue, setAddresses } from "./set_up.ts";
import { type AvailBufferToken, BufferType, type UsedBufferToken, VirtqDeviceError } from "./token.ts";
import type { Virtq, VirtqEnv, VirtqSnapshot } from "./types.ts";

// As constants of this module V8 folds them; an imported one, and its property, it loads at each use.
const DIRECT = BufferType.Direct;

/** Bits of {@link VirtqBase.special}: `receive` has something to hand out before it looks at the ring. */
export const Special = {
  /** Buffers that a blocking dispatch found and did not wait for. */
  KEPT: 1,
  /** The rest of a batch that the device reported with one entry (VIRTIO_F_IN_ORDER). */
  BATCH: 2,
} as const;

type Batch = readonly (readonly [AvailBufferToken, BufferType])[];

/** What both rings have in common: who is in flight, what is checked, interrupts asked for, blocking, reset. */
export abstract class VirtqBase implements Virtq {
  abstract readonly kind: "split" | "packed";
  declare readonly size: number;
  declare readonly index: number;
  /** For messages: `virtio-rng 00:02.0 queue 0`. */
  declare readonly name: string;
  declare protected readonly memory: DeviceMemory;
  declare protected readonly env: VirtqEnv;
  declare protected readonly features: bigint;
  declare protected readonly orderPlatform: boolean;
  declare protected readonly eventIdx: boolean;
  declare protected readonly inOrder: boolean;
  declare protected readonly indirect: boolean;
  declare protected readonly handler: VqCfgHandler;
  declare protected readonly notifCtrl: NotifCtrl;
  declare protected readonly desc: DeviceBuffer;
  declare protected readonly driver: DeviceBuffer;
  declare protected readonly device: DeviceBuffer;
  /** By head index (split) or buffer id (packed): the token in flight. */
  declare protected readonly tokens: (AvailBufferToken | undefined)[];
  declare protected readonly ids: IndexAlloc;
  /** IN_ORDER: ids in the order in which they were made available; a ring of `size` places. */
  declare protected readonly order: Int32Array;
  declare private readonly kept: UsedBufferToken[];

  protected orderRead = 0;
  protected orderWrite = 0;
  /** IN_ORDER: buffers of a reported batch still to be handed out, and the length reported for the last of them. */
  protected batchLeft = 0;
  protected batchLen = 0;
  protected special = 0;
  protected live = 0;
  /** Interrupts are wanted (`enableNotifs`). */
  protected enabled = true;
  /** Tokens in flight that asked for an interrupt of their own. */
  protected wanted = 0;
  protected notifications = 0;
  /** Why nothing can be dispatched. */
  protected broken: string | undefined = undefined;

  constructor(open: OpenQueue) {
    this.size = open.size;
    this.index = open.index;
    this.name = `${open.env.deviceName} queue ${open.index}`;
    this.memory = open.desc.memory;
    this.env = open.env;
    this.features = open.features;
    this.orderPlatform = (open.features & F.ORDER_PLATFORM) !== 0n;
    this.eventIdx = (open.features & F.EVENT_IDX) !== 0n;
    this.inOrder = (open.features & F.IN_ORDER) !== 0n;
    this.indirect = (open.features & F.INDIRECT_DESC) !== 0n;
    this.handler = open.handler;
    this.notifCtrl = open.notifCtrl;
    this.desc = open.desc;
    this.driver = open.driver;
    this.device = open.device;
    this.tokens = new Array(open.size).fill(undefined);
    this.ids = new IndexAlloc(open.size);
    this.order = new Int32Array(open.size);
    this.kept = [];
  }

  abstract dispatch(token: AvailBufferToken, notif: boolean, type: BufferType): void;
  abstract enableNotifs(): boolean;
  abstract disableNotifs(): void;
  abstract snapshot(): VirtqSnapshot;
  /** The next used buffer of the ring, awaited or not. */
  protected abstract receive(): UsedBufferToken | undefined;
  /** Descriptors that can be made available now. */
  protected abstract room(): number;
  /** Writes several admitted buffers and makes them visible. */
  protected abstract commitBatch(batch: Batch, notif: boolean): void;
  protected abstract ringHasUsed(): boolean;
  /** Puts the ring's own variables back to their first values; the areas are zero. */
  protected abstract restartRing(): void;
  /** Gives back what the chain of this id took of the ring. */
  protected abstract releaseChain(id: number, token: AvailBufferToken): void;
  /** A buffer came back while some had asked for an interrupt. */
  protected abstract settleNotif(token: AvailBufferToken): void;
  protected abstract indices(): Record<string, number>;

  /**
   * Checks all that can be wrong with a token, and gets its indirect table; nothing visible changes. The token is
   * marked as in flight, so that it cannot be admitted twice.
   */
  protected admit(token: AvailBufferToken, type: BufferType, room: number): void {
    if (token.busy || this.broken !== undefined) throw this.notNow(token);
    const send = token.sendBuff;
    for (let i = 0; i < send.length; i++) if (send[i].vec.len === 0) throw this.empty(i);
    let n = token.descriptors;
    if (type !== DIRECT) {
      this.admitTable(token, room);
      n = 1;
    } else if (n > room) {
      throw this.noRoom(n, room);
    }
    token.consumed = n;
    token.busy = true;
    token.awaitQueue = undefined;
  }

  private admitTable(token: AvailBufferToken, room: number): void {
    if (!this.indirect) {
      throw this.refuse("FeatureNotSupported", "Indirect without VIRTIO_F_INDIRECT_DESC", F.INDIRECT_DESC);
    }
    if (room < 1) throw this.noRoom(1, room);
    this.makeTable(token);
  }

  // Errors are made in functions of their own: what is inlined at a call of `dispatch` must stay small.
  private notNow(token: AvailBufferToken): VirtqError {
    return token.busy
      ? this.refuse("TokenInUse", "the token is in flight already")
      : this.refuse("QueueBroken", this.broken!);
  }
  private empty(i: number): VirtqError {
    return this.refuse("BufferNotSpecified", `send element ${i} is empty`);
  }
  private noRoom(n: number, room: number): VirtqError {
    return this.refuse("NoDescrAvail", `${n} needed, ${room} of ${this.size} free`);
  }

  private makeTable(token: AvailBufferToken): void {
    try {
      token.table = this.env.indirect.allocate(token.descriptors * 16, this.name);
    } catch (cause) {
      throw this.refuse("AllocationError", `indirect table of ${token.descriptors} entries: ${cause}`);
    }
    writeTable(token, this.kind === "split");
  }

  dispatchBatch(batch: Batch, notif: boolean): void {
    this.admitBatch(batch);
    this.commitBatch(batch, notif);
  }

  dispatchBatchAwait(batch: Batch, notif: boolean, awaitQueue?: UsedBufferToken[]): void {
    this.admitBatch(batch);
    for (const [token] of batch) token.awaitQueue = awaitQueue;
    this.commitBatch(batch, notif);
  }

  private admitBatch(batch: Batch): void {
    if (batch.length === 0) throw this.refuse("BufferNotSpecified", "a batch without a buffer");
    let room = this.room();
    let i = 0;
    try {
      for (; i < batch.length; i++) {
        this.admit(batch[i][0], batch[i][1], room);
        room -= batch[i][0].consumed;
      }
    } catch (error) {
      while (i-- > 0) this.handBack(batch[i][0]);
      throw error;
    }
  }

  dispatchBlocking(token: AvailBufferToken, type: BufferType): UsedBufferToken {
    const wasEnabled = this.enabled;
    this.dispatch(token, false, type);
    this.disableNotifs();
    try {
      for (;;) {
        const used = this.receive();
        if (used === undefined) this.env.relax();
        else if (used.token === token) return used;
        else if (used.token.awaitQueue !== undefined) this.putAwaited(used);
        else this.kept.push(used);
      }
    } finally {
      if (wasEnabled) this.enableNotifs();
      if (this.kept.length > 0) this.special |= Special.KEPT;
    }
  }

  tryRecv(): UsedBufferToken | undefined {
    if ((this.special & Special.KEPT) !== 0) return this.takeKept();
    let used = this.receive();
    while (used !== undefined && used.token.awaitQueue !== undefined) {
      this.putAwaited(used);
      used = this.receive();
    }
    return used;
  }

  private takeKept(): UsedBufferToken | undefined {
    const used = this.kept.shift();
    if (this.kept.length === 0) this.special &= ~Special.KEPT;
    return used;
  }

  private putAwaited(used: UsedBufferToken): void {
    used.token.awaitQueue!.push(used);
    used.token.awaitQueue = undefined;
  }

  hasUsedBuffers(): boolean {
    return this.special !== 0 || this.ringHasUsed();
  }

  /** Whether used buffers are there although no interrupt may come; after interrupts were asked for. */
  protected recheck(): boolean {
    generalBarrier(this.memory, this.orderPlatform);
    return this.hasUsedBuffers();
  }

  /** Takes a used buffer out of the queue; its token is the caller's again. */
  protected finish(token: AvailBufferToken, id: number, length: number): UsedBufferToken {
    this.tokens[id] = undefined;
    this.live--;
    this.releaseChain(id, token);
    if (token.table !== undefined) this.freeTable(token);
    token.busy = false;
    if (this.wanted !== 0) this.settle(token);
    if (length > token.writable) throw this.tooLong(token, id, length);
    token.used.restart(length);
    return token.used;
  }

  private tooLong(token: AvailBufferToken, id: number, length: number): VirtqDeviceError {
    token.awaitQueue = undefined;
    return new VirtqDeviceError(
      "UsedLengthTooLarge",
      `${this.name}: the device claims ${length} bytes in buffer ${id}, which has ${token.writable} to write`,
      length,
      token,
    );
  }

  /** IN_ORDER: how many buffers the entry for `id`, which is outstanding, stands for. */
  protected batchOf(id: number): number {
    let n = 1;
    for (let at = this.orderRead; this.order[at] !== id; n++) if (++at === this.size) at = 0;
    return n;
  }

  /** IN_ORDER: the next buffer of the reported batch; those before the last were used completely. */
  protected nextOfBatch(): UsedBufferToken {
    const id = this.order[this.orderRead];
    if (++this.orderRead === this.size) this.orderRead = 0;
    const token = this.tokens[id]!;
    if (--this.batchLeft === 0) this.special &= ~Special.BATCH;
    return this.finish(token, id, this.batchLeft === 0 ? this.batchLen : token.writable);
  }

  private settle(token: AvailBufferToken): void {
    if (token.wantsNotif) {
      token.wantsNotif = false;
      this.wanted--;
    }
    this.settleNotif(token);
  }

  private freeTable(token: AvailBufferToken): void {
    this.env.indirect.free(token.table!);
    token.table = undefined;
  }

  /** A token that was admitted, or is in flight on a queue that was reset, is the caller's again. */
  private handBack(token: AvailBufferToken): void {
    if (token.table !== undefined) this.freeTable(token);
    token.busy = false;
    token.wantsNotif = false;
    token.awaitQueue = undefined;
  }

  protected badId(id: number): VirtqDeviceError {
    return id >= this.size
      ? new VirtqDeviceError(
        "UsedIdOutOfRange",
        `${this.name}: the device reports buffer ${id} as used (ids end at ${this.size - 1})`,
        id,
      )
      : new VirtqDeviceError(
        "UsedIdNotOutstanding",
        `${this.name}: the device reports buffer ${id} as used, which is not outstanding`,
        id,
      );
  }

  private refuse(kind: ConstructorParameters<typeof VirtqError>[0], what: string, arg?: bigint): VirtqError {
    return new VirtqError(kind, `${this.name}: ${what}`, arg);
  }

  reset(): AvailBufferToken[] {
    if ((this.features & F.RING_RESET) === 0n) {
      throw this.refuse("FeatureNotSupported", "reset without VIRTIO_F_RING_RESET", F.RING_RESET);
    }
    if (this.broken !== undefined) throw this.refuse("QueueBroken", this.broken);
    this.handler.resetQueue();
    const back = this.dropAll();
    for (const area of [this.desc, this.driver, this.device]) {
      area.memory.fill(area.offset, area.length, 0);
    }
    this.restartRing();
    if (!this.enabled) this.disableNotifs();
    const size = this.handler.setVqSize(this.size);
    if (size !== this.size) {
      this.broken = `after a reset the device offers a size of ${size}, not ${this.size}`;
      throw this.refuse("QueueSizeNotAllowed", this.broken);
    }
    setAddresses(this.handler, this.desc, this.driver, this.device);
    this.handler.enableQueue();
    return back;
  }

  private dropAll(): AvailBufferToken[] {
    const back: AvailBufferToken[] = [];
    for (let id = 0; id < this.size; id++) {
      const token = this.tokens[id];
      if (token === undefined) continue;
      this.handBack(token);
      this.tokens[id] = undefined;
      back.push(token);
    }
    this.ids.reset();
    this.live =
      this.wanted =
      this.orderRead =
      this.orderWrite =
      this.batchLeft =
        0;
    this.special &= ~Special.BATCH;
    return back;
  }

  free(): void {
    if (this.broken === "the queue was freed") return;
    this.dropAll();
    this.desc.free();
    this.driver.free();
    this.device.free();
    this.broken = "the queue was freed";
  }

  protected snapshotOf(kind: "split" | "packed"): VirtqSnapshot {
    const inFlight: VirtqSnapshot["inFlight"] = [];
    for (let id = 0; id < this.size; id++) {
      const token = this.tokens[id];
      if (token === undefined) continue;
      const readable = token.sendBuff.reduce((sum, elem) => sum + elem.len, 0);
      inFlight.push({ id, descriptors: token.consumed, readable, writable: token.writable });
    }
    const areas = ([["desc", this.desc], ["driver", this.driver], ["device", this.device]] as const).map(
      ([name, area]) => ({ name, phys: area.phys as number, length: area.length }),
    );
    return {
      kind,
      index: this.index,
      size: this.size,
      free: this.room(),
      inFlight,
      indices: this.indices(),
      areas,
      notifications: this.notifications,
    };
  }

  /** Tokens in flight by id, for a replayer. */
  protected liveList(): { id: number; token: AvailBufferToken; descriptors: number }[] {
    return this.tokens.flatMap((token, id) =>
      token === undefined ? [] : [{ id, token, descriptors: token.consumed }]
    );
  }
}
