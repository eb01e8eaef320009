import { testUnless } from "../support/once.ts";
import { assert, assertEquals } from "@std/assert";
import { packedRing, type Ring, rings, splitRing, usedChain } from "../../dashboard/lib/views/mod.ts";
import { momentAt, record, type Recorded, type Sample } from "./recorded_run.ts";

const LINES = ["vq", "rng 40", "ping 10.0.2.2", "vq"];

/** Every queue of every sample beside what the driver says of it. */
function* pairs(run: Recorded, samples: readonly Sample[]) {
  for (const { at, queues } of samples) {
    const moment = momentAt(run, at);
    for (const ring of rings(moment.state)) {
      const driver = queues.find((q) => q.areas[0].phys === ring.queue.desc);
      if (driver !== undefined) yield { at, ring, driver, read: moment.read };
    }
  }
}
const some = <T>(list: readonly T[], n: number) =>
  list.filter((_, i) => i % Math.ceil(list.length / n) === 0);
const descriptors = (list: readonly { descriptors: number }[]) => list.reduce((n, x) => n + x.descriptors, 0);

// Memory at an offset is not visible here: once per transport is enough.
const ignore = Deno.env.get("CAREFUL") === "1";
const test = testUnless(ignore);

for (const latency of [0, 20_000]) {
  test(`the split ring that is drawn is the driver's, latency ${latency}`, async () => {
    const run = await record(LINES, "", latency);
    let settled = 0, busy = 0;
    for (const { at, ring, driver, read } of pairs(run, some(run.samples, 60))) {
      assertEquals(ring.kind, "split");
      assertEquals(ring.queue.size, driver.size);
      const seen = splitRing(ring, read)!;
      const where = `event ${at}, ${ring.label}`;
      assertEquals(seen.availIdx, driver.indices.avail, where);
      assertEquals(seen.wrong, "", where);
      assertEquals(seen.chains.length, seen.outstanding, where);
      const unread = seen.usedIdx - driver.indices.read & 0xffff;
      assertEquals(seen.chains.length + unread, driver.inFlight.length, where);
      for (const chain of seen.chains) {
        const token = driver.inFlight.find((t) => t.id === chain.head);
        assert(token !== undefined, `${where}: chain ${chain.head} is not in flight`);
        assertEquals(
          [chain.slots.length, chain.readable, chain.writable],
          [token.descriptors, token.readable, token.writable],
          where,
        );
        busy++;
      }
      const owned = seen.descriptors.filter((d) => d.owner === "device").length;
      assertEquals(owned, descriptors(seen.chains.map((c) => ({ descriptors: c.slots.length }))), where);
      if (unread === 0) settled++;
    }
    assert(settled > 50 && busy > 500, `too little was seen: ${settled} settled, ${busy} chains`);
  });

  test(`the packed ring that is drawn is the driver's, latency ${latency}`, async () => {
    const run = await record(LINES, "packed=on", latency);
    let settled = 0, asked = 0, laps = 0;
    const lengths = new Set<number>();
    for (const { at, ring, driver, read } of pairs(run, some(run.samples, 60))) {
      assertEquals(ring.kind, "packed");
      const where = `event ${at}, ${ring.label}`;
      let seen = packedRing(ring, read)!;
      if (seen.question >= 0) {
        const length = await lengthOf(run, ring, seen.question, at);
        // A control command has a part to read and one to write; all other buffers are one descriptor.
        assertEquals(length, ring.label.endsWith("control") ? 2 : 1, where);
        lengths.add(length!);
        seen = packedRing(ring, read, () => length)!;
        asked++;
      }
      const { write, writeWrap, poll, pollWrap } = driver.indices;
      assertEquals(seen.driver, { slot: write, wrap: writeWrap as 0 | 1 }, where);
      laps += 1 - writeWrap;
      const behind = (seen.device.slot - poll + ring.queue.size) % ring.queue.size;
      // All used and none read looks as none used: a lap apart.
      assertEquals(
        (seen.outstanding + behind) % ring.queue.size,
        descriptors(driver.inFlight) % ring.queue.size,
        where,
      );
      if (behind !== 0 || seen.outstanding !== descriptors(driver.inFlight)) continue;
      assertEquals(seen.device, { slot: poll, wrap: pollWrap as 0 | 1 }, where);
      settled++;
    }
    assert(
      settled > 50 && asked > 5 && laps > 0 && lengths.size === 2,
      `too little was seen: ${settled} settled, ${asked} asked, ${laps}`,
    );
  });
}

async function lengthOf(run: Recorded, ring: Ring, slot: number, at: number): Promise<number | undefined> {
  const { timeline } = run;
  return await usedChain(ring, momentAt(run, at).read, slot, at, (filter, from) => {
    const found = timeline.find(filter, from, -1);
    return Promise.resolve(
      found === undefined ? undefined : { at: found, t: timeline.time(found), event: timeline.event(found) },
    );
  });
}
