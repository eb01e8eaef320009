import { once } from "./once.ts";
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { DeadlockError } from "../../../arch/platform.ts";
import { Random } from "../../../devices/events.ts";
import type { Machine } from "../../../devices/machine/mod.ts";
import { Cluster } from "../../../devices/net/cluster.ts";
import { machineOf } from "../machine/support.ts";
import { frameOf, tagOf } from "./support.ts";

const LAPIC = 0xfee0_0000;

/** A machine whose guest is the test: its card is a list, a frame that arrives raises an interrupt. */
function guestOf(cluster: Cluster, seed: number) {
  const port = cluster.hub(0).port("n0");
  const received: { tag: number; at: number }[] = [];
  const machine = machineOf({}, { seed, pace: cluster.member(), netdevs: new Map([["n0", port]]) });
  const netdev = machine.netdev("n0");
  netdev.attach({
    canReceive: () => true,
    receive(frame) {
      received.push({ tag: tagOf(frame), at: machine.events.now });
      machine.lapic.message(LAPIC, 0x41);
      return true;
    },
  });
  machine.lapic.write(0xf0, 4, 0x1ff);
  return { machine, netdev, received };
}
/** Idles until a time or an interrupt, which is taken. */
async function idle(machine: Machine, until?: number): Promise<void> {
  await machine.idle(until);
  if (machine.takeInterrupt() >= 0) machine.lapic.write(0xb0, 4, 0);
}

once("a frame arrives a link's delay after it was sent, in the time that all machines share", async () => {
  const cluster = new Cluster({ delay: 5_000 });
  const [a, b] = [guestOf(cluster, 1), guestOf(cluster, 2)];
  const order: string[] = [];
  const run = async (name: string, g: ReturnType<typeof guestOf>, script: () => Promise<void>) => {
    await script();
    order.push(name);
    g.machine.powerOff(0);
  };
  await Promise.all([
    run("a", a, async () => {
      await idle(a.machine, 1_000_000);
      a.netdev.send(frameOf(1));
      while (a.received.length === 0) await idle(a.machine);
    }),
    run("b", b, async () => {
      while (b.received.length === 0) await idle(b.machine, 50_000_000);
      await idle(b.machine, b.machine.now() + 250_000);
      b.netdev.send(frameOf(2));
      await idle(b.machine, b.machine.now() + 1_000_000);
    }),
  ]);
  assertEquals(b.received, [{ tag: 1, at: 1_005_000 }]);
  assertEquals(a.received, [{ tag: 2, at: 1_260_000 }]);
  assertEquals(order, ["a", "b"]);
});

/** N machines that send, wait and answer by chance; what each received, and when. */
async function chatter(n: number, seed: number, delay: number): Promise<string> {
  const cluster = new Cluster({ delay });
  const guests = Array.from({ length: n }, (_, i) => guestOf(cluster, seed + i));
  await Promise.all(guests.map(async ({ machine, netdev, received }, i) => {
    const random = new Random(seed * 1000 + i);
    let seen = 0;
    while (machine.now() < 3_000_000) {
      await idle(machine, machine.now() + random.u32() % 400_000);
      machine.events.advance(random.u32() % 30_000); // busy
      if (received.length > seen || random.u32() % 3 === 0) netdev.send(frameOf(i * 1000 + received.length));
      seen = received.length;
    }
    machine.powerOff(0);
  }));
  return guests.map((g) => g.received.map((r) => `${r.tag}@${r.at}`).join()).join("|");
}

once("the same seeds give the same run, whatever the delay; other seeds another", async () => {
  for (const delay of [0, 1, 20_000]) {
    const first = await chatter(5, 1, delay);
    assert(first.length > 100);
    assertEquals(await chatter(5, 1, delay), first);
    assertNotEquals(await chatter(5, 2, delay), first);
  }
});

once("no frame arrives before its receiver could know of it", async () => {
  const delay = 7_000;
  const cluster = new Cluster({ delay });
  const guests = Array.from({ length: 4 }, (_, i) => guestOf(cluster, i));
  const sent = new Map<number, number>();
  await Promise.all(guests.map(async ({ machine, netdev }, i) => {
    for (let k = 0; k < 50; k++) {
      await idle(machine, machine.now() + 1 + (i * 7919 + k * 104729) % 90_000);
      sent.set(i * 100 + k, machine.now());
      netdev.send(frameOf(i * 100 + k));
    }
    await idle(machine, machine.now() + 1_000_000);
    await idle(machine, machine.now() + 1_000_000);
    machine.powerOff(0);
  }));
  for (const { received } of guests) {
    assert(received.length > 100);
    for (const { tag, at } of received) {
      assertEquals(at, sent.get(tag)! + delay, "idle machines are not late");
    }
  }
});

once(
  "who waits for a frame that nobody can send is told so, and others that have ended do not matter",
  async () => {
    const cluster = new Cluster();
    const guests = Array.from({ length: 3 }, (_, i) => guestOf(cluster, i));
    const ends = await Promise.all(guests.map(async ({ machine }, i) => {
      try {
        if (i === 0) await idle(machine, 1_000_000);
        else await idle(machine);
        return "ended";
      } catch (error) {
        return error instanceof DeadlockError ? "deadlock" : String(error);
      } finally {
        machine.powerOff(0);
      }
    }));
    assertEquals(ends, ["ended", "deadlock", "deadlock"]);
  },
);

once("a frame wakes a machine that waits for ever", async () => {
  const cluster = new Cluster();
  const [a, b] = [guestOf(cluster, 1), guestOf(cluster, 2)];
  await Promise.all([
    (async () => {
      await idle(b.machine);
      assertEquals(b.received.map((r) => r.tag), [5]);
      b.machine.powerOff(0);
    })(),
    (async () => {
      await idle(a.machine, 2_000_000_000);
      a.netdev.send(frameOf(5));
      a.machine.powerOff(0);
    })(),
  ]);
});
