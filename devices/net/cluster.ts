import type { IdleMachine, Pace } from "../machine/pace.ts";
import { Hub } from "./hub.ts";

/** Nanoseconds that a frame takes from one machine to another, unless said otherwise. */
const LINK_DELAY = 10_000;

export interface ClusterOptions {
  /** Nanoseconds that a frame is under way; the longer, the further one machine may run before another must. Default 10 µs. */
  readonly delay?: number;
}

/**
 * Several machines in one process that share one time and hubs. Always the machine that has something to do first runs,
 * until another might send it something (conservative simulation: a frame that is sent at `t` arrives at `t + delay`). One
 * at a time runs, in an order that depends on nothing but what they do: the same seeds give the same run.
 *
 * ```ts ignore
 * const cluster = new Cluster();
 * const machines = seeds.map((seed) =>
 *   createMachine(desc, { ...host, seed, pace: cluster.member(), netdevs: new Map([["n0", cluster.hub(0).port("n0")]]) })
 * );
 * await Promise.all(machines.map((machine) => boot(machine).run()));
 * ```
 */
export class Cluster {
  readonly delay: number;
  private readonly members: Member[] = [];
  private readonly hubs = new Map<number, Hub>();
  /** Nobody has anything to do any more: who waits for a frame waits in vain. */
  private stuck = false;

  constructor(options: ClusterOptions = {}) {
    this.delay = options.delay ?? LINK_DELAY;
  }

  /** The hub of this number; made when it is first asked for. */
  hub(number: number): Hub {
    let hub = this.hubs.get(number);
    if (hub === undefined) {
      hub = new Hub({ delay: this.delay, open: () => !this.stuck });
      this.hubs.set(number, hub);
    }
    return hub;
  }

  /** The pace of one more machine. All must have been made before the first runs. */
  member(): Pace {
    const member = new Member(this);
    this.members.push(member);
    return member;
  }

  /** How far one machine may run: the others do nothing before that, so nothing can arrive. */
  horizonOf(member: Member): number {
    let horizon = Infinity;
    for (const other of this.members) if (other !== member) horizon = Math.min(horizon, other.due());
    return horizon + this.delay;
  }

  leave(member: Member): void {
    const at = this.members.indexOf(member);
    if (at >= 0) this.members.splice(at, 1);
    this.settle();
  }

  /**
   * When all wait: lets the one that is first go on. Events of its devices need no guest unless they raise an interrupt;
   * those of one time are looked through in one go, for a frame reaches all machines of a hub at once.
   */
  settle(): void {
    const { members } = this;
    for (;;) {
      let least = Infinity;
      for (const member of members) {
        if (!member.waiting) return;
        least = Math.min(least, member.due());
      }
      if (least === Infinity) return this.giveUp();
      this.stuck = false;
      for (const member of members) {
        if (member.due() === least && member.runEvents(least)) return member.resume();
      }
    }
  }

  /** Nothing is due anywhere. Each looks once more: who can only wait for another of us learns that it is in vain. */
  private giveUp(): void {
    if (this.stuck) return;
    this.stuck = true;
    for (const member of [...this.members]) member.resume();
  }
}

/** One machine's part in a {@link Cluster}. */
class Member implements Pace {
  waiting = false;
  private machine: IdleMachine | undefined;
  private next: number | undefined;
  private wake: (() => void) | undefined;

  constructor(private readonly cluster: Cluster) {}

  begin(machine: IdleMachine): void {
    this.machine = machine;
  }
  horizon(): number {
    this.waiting = false;
    return this.cluster.horizonOf(this);
  }
  wait(next: number | undefined, wake: () => void): void {
    this.waiting = true;
    this.next = next;
    this.wake = wake;
    this.cluster.settle();
  }
  end(): void {
    this.cluster.leave(this);
  }

  /** When this machine has something to do; Infinity: only when something arrives. */
  due(): number {
    const { events } = this.machine!;
    if (!this.waiting) return events.now;
    return Math.min(this.next ?? Infinity, events.next ?? Infinity);
  }
  /** Runs what devices have to do by `at`; whether the guest must look. */
  runEvents(at: number): boolean {
    const { events } = this.machine!;
    events.advance(Math.max(0, at - events.now));
    return this.machine!.halted() || this.next !== undefined && events.now >= this.next;
  }
  resume(): void {
    const { wake } = this;
    this.waiting = false;
    this.wake = undefined;
    wake?.();
  }
}
