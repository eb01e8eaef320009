import { testUnless } from "../support/once.ts";
import { assert, assertEquals } from "@std/assert";
import { latencies, latencyFilters, throughput, THROUGHPUT_FILTERS } from "../../dashboard/lib/views/mod.ts";
import type { EventFilter } from "../../dashboard/lib/protocol.ts";
import { momentAt, record } from "./recorded_run.ts";

const ignore = Deno.env.get("CAREFUL") === "1";
const test = testUnless(ignore);

test(
  "latency is what the machine was told to have; throughput sums up to what was sent",
  async () => {
    const latency = 20_000;
    const run = await record(["rng 40"], "", latency);
    const { timeline } = run;
    const { state } = momentAt(run, timeline.length - 1);
    const rows = (filters: readonly EventFilter[]) =>
      timeline.matches(filters).map((at) => ({ at, t: timeline.time(at), event: timeline.event(at) }));
    const queues = latencies(rows(latencyFilters(state)), state);
    assert(queues.length >= 3, queues.map((q) => q.queue).join());
    for (const q of queues) {
      // A queue that is looked at since DRIVER_OK anyway answers its first notification a little sooner.
      assert(q.median > latency * 0.9 && q.median < latency + 10_000, `${q.queue}: ${q.least}, ${q.median}`);
      assert(q.least <= q.median && q.median <= q.most);
    }
    const t = throughput(rows(THROUGHPUT_FILTERS), 50);
    const net = state.netdevs[0];
    assertEquals([t.sentBytes, t.receivedBytes], [net.sentBytes, net.receivedBytes]);
    assertEquals(t.printedBytes, state.chardevs.reduce((n, c) => n + c.output, 0));
    const width = t.t[1] - t.t[0];
    const sum = t.sent.reduce((n, rate) => n + rate * width, 0);
    assert(Math.abs(sum - net.sentBytes) < 1e-3 * net.sentBytes, `${sum} of ${net.sentBytes}`);
    assertEquals(throughput([], 3).sent, [0, 0, 0]);
  },
);
