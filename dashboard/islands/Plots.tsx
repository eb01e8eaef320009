import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { Plot, type Series } from "../components/Plot.tsx";
import { Nothing, Scroll, View } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import type { EventFilter, EventRow } from "../lib/protocol.ts";
import { latencies, latencyFilters, throughput, THROUGHPUT_FILTERS } from "../lib/views/plots.ts";
import { count, time, times } from "../lib/views/numbers.ts";

const BUCKETS = 120;
/** Events that a plot is made of at most. */
const MOST = 20_000;
/** Milliseconds between two looks at a recording that grows. */
const PAUSE = 1000;
const EXPLAIN =
  "How much goes over the network and the console, and how long a device takes from a notification to its first " +
  "answer in the ring, in the machine's own time. Queues that receive are left out: they wait for the world outside.";
const DASHES: readonly (readonly number[])[] = [[], [8, 4], [2, 3]];
const COLOURS = ["--driver", "--device", "--cpu", "--outside"];
const FLOWS: readonly Series[] = [
  { label: "frames to the guest", colour: "--device", dash: [], points: false },
  { label: "frames from the guest", colour: "--driver", dash: [8, 4], points: false },
  { label: "console output", colour: "--outside", dash: [2, 3], points: false },
];

/** Throughput and latency, as plots and as tables. */
export default function Plots() {
  const flows = useSignal<readonly EventRow[]>([]);
  const answers = useSignal<readonly EventRow[]>([]);
  useEffect(() => {
    let over = false, timer: ReturnType<typeof setTimeout>, seen = "";
    const look = async () => {
      const { first, length } = session.progress.peek();
      const now = `${session.run.peek()} ${length}`;
      if (now !== seen) {
        seen = now;
        const { state } = session.moment.peek();
        const rows = (filters: readonly EventFilter[]) => session.rows(filters, first, length, MOST);
        const [f, a] = await Promise.all([rows(THROUGHPUT_FILTERS), rows(latencyFilters(state))]);
        if (over) return;
        flows.value = f;
        answers.value = a;
      }
      timer = setTimeout(() => void look(), PAUSE);
    };
    void look();
    return () => {
      over = true;
      clearTimeout(timer);
    };
  }, []);
  const t = useMemo(() => throughput(flows.value, BUCKETS), [flows.value]);
  const queues = useMemo(() => latencies(answers.value, session.moment.peek().state), [answers.value]);
  const points = useMemo(() => aligned(queues), [queues]);
  const lines = useMemo(() => [t.t, t.received, t.sent, t.printed], [t]);
  const long = Math.max(flows.value.length, answers.value.length) >= MOST;
  return (
    <View id="plots" title="Plots" explain={EXPLAIN}>
      {long && (
        <p class="wrong">
          The recording is long: only its first {count(MOST)} events of each kind are drawn.
        </p>
      )}
      <Scroll label="Curves and sums">
        <h3>Throughput</h3>
        {flows.value.length === 0 ? <Nothing>No frame and no output yet.</Nothing> : (
          <>
            <Plot
              label="Bytes per second over time; sums stand below"
              format={rate}
              series={FLOWS}
              data={lines}
            />
            <p class="facts">
              {count(t.receivedBytes)} bytes in frames to the guest, {count(t.sentBytes)} from it,{" "}
              {count(t.printedBytes)} bytes of console output.
            </p>
          </>
        )}
        <h3>Latency</h3>
        {queues.length === 0 ? <Nothing>No notification has been answered yet.</Nothing> : (
          <>
            <Plot
              label="Latency of each notification over time; the table below sums up"
              format={short}
              series={queues.map((q, i) => ({
                label: q.queue,
                colour: COLOURS[i % COLOURS.length],
                dash: DASHES[Math.floor(i / COLOURS.length) % DASHES.length],
                points: true,
              }))}
              data={points}
            />
            <table>
              <caption class="unseen">Latency by queue</caption>
              <thead>
                <tr>
                  <th scope="col">Queue</th>
                  <th scope="col">Answered</th>
                  <th scope="col">Least</th>
                  <th scope="col">Median</th>
                  <th scope="col">Most</th>
                </tr>
              </thead>
              <tbody>
                {queues.map((q) => (
                  <tr key={q.queue}>
                    <th scope="row">{q.queue}</th>
                    <td>{times(q.points.length)}</td>
                    <td>{time(q.least)}</td>
                    <td>{time(q.median)}</td>
                    <td>{time(q.most)}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          </>
        )}
      </Scroll>
    </View>
  );
}

/** `1.5 M/s`: bytes per second. */
const rate = (n: number) => `${n.toLocaleString("en", { notation: "compact" })}B/s`;
/** `500 ns`, `2 ms`: without digits that say nothing. */
const short = (ns: number) => time(Math.round(ns)).replace(/\.?0+(?= )(?<=\.\d*)/, "");

/** Points of all queues over one axis of time; null where a queue has none. */
function aligned(queues: ReturnType<typeof latencies>): (number | null)[][] {
  const all = queues.flatMap((q, i) => q.points.map((p) => ({ i, t: p.t / 1e9, ns: p.ns }))).sort((a, b) =>
    a.t - b.t
  );
  return [all.map((p) => p.t), ...queues.map((_, i) => all.map((p) => p.i === i ? p.ns : null))];
}
