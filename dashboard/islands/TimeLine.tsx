import { useSignal, useSignalEffect } from "@preact/signals";
import { session } from "../lib/app.ts";
import type { Step } from "../lib/protocol.ts";

const BUCKETS = 240;
const HEIGHT = 26;
/** What is drawn, from the bottom up, with a class each: colours and patterns are the style sheet's. */
const GROUPS: readonly Step[] = ["register", "ring", "notification", "interrupt", "frame", "console", "rule"];
const WORDS: Partial<Record<Step, string>> = {
  register: "registers",
  ring: "ring writes",
  notification: "notifications",
  interrupt: "interrupts",
  frame: "frames",
  console: "console",
  rule: "broken rules",
};

interface Density {
  readonly length: number;
  readonly groups: Readonly<Record<Step, Uint32Array>>;
}

/** All events as a strip: how many of which kind where, and a slider to drag to any moment. */
export default function TimeLine() {
  const density = useSignal<Density | undefined>(undefined);
  const asked = useSignal(-1);
  useSignalEffect(() => {
    const { length } = session.progress.value;
    // Anew when it has grown by a twentieth: the strip need not be drawn for each event.
    if (asked.peek() >= 0 && length >= asked.peek() && length < asked.peek() * 1.05) return;
    asked.value = length;
    void session.call("density", { buckets: BUCKETS }).then((d) => {
      if (d !== undefined) density.value = d;
    });
  });
  const { first, length } = session.progress.value;
  const d = density.value;
  return (
    <div class="timeline">
      <svg viewBox={`0 0 ${BUCKETS} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {d !== undefined && bars(d)}
      </svg>
      <input
        id="time-line"
        type="range"
        min={first - 1}
        max={Math.max(first, length - 1)}
        value={session.position.value}
        aria-label="Time line: event"
        aria-valuetext={`after event ${session.position.value} of ${length}`}
        onInput={(e) => {
          session.pause();
          session.go(Number(e.currentTarget.value));
        }}
      />
      <ul class="legend" aria-label="Colours of the time line, from the bottom up">
        {GROUPS.map((g) => (
          <li key={g}>
            <svg viewBox="0 0 10 10" aria-hidden="true">
              <rect class={`bar-${g}`} width={10} height={10} />
            </svg>
            {WORDS[g]}
          </li>
        ))}
      </ul>
      {first > 0 && <p class="explain">The first {first} events were dropped: a recording has a bound.</p>}
    </div>
  );
}

/** Stacked bars, the square root of the counts: a single interrupt among a thousand accesses stays visible. */
function bars(d: Density) {
  let most = 1;
  for (let b = 0; b < BUCKETS; b++) {
    most = Math.max(most, GROUPS.reduce((sum, g) => sum + Math.sqrt(d.groups[g]?.[b] ?? 0), 0));
  }
  const rects = [];
  for (let b = 0; b < BUCKETS; b++) {
    let y = HEIGHT;
    for (const g of GROUPS) {
      const h = Math.sqrt(d.groups[g]?.[b] ?? 0) / most * HEIGHT;
      if (h === 0) continue;
      y -= h;
      rects.push(<rect key={`${b}${g}`} class={`bar-${g}`} x={b} y={y} width={0.9} height={h} />);
    }
  }
  return rects;
}
