import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { session } from "../lib/app.ts";
import { type Step, STEP_NAMES } from "../lib/protocol.ts";
import { eventLine } from "../lib/views/events.ts";

const SPEEDS = [5, 20, 50, 200, 1000, 5000] as const;

/** Play, pause, step, and where on the time line the page is. Keys: space, left and right arrow, Home and End. */
export default function RunControls() {
  const step = useSignal<Step>("ring");
  const { progress, position, live, playing, speed, hit } = session;
  const { length, t, machine, exitCode, failure } = progress.value;
  const { event, state } = session.moment.value;
  const line = event && eventLine(event);
  const toggle = () => playing.value ? session.pause() : session.play();
  const none = useSignal("");
  const go = async (direction: 1 | -1) => {
    const found = await session.step(step.value, direction);
    none.value = found ? "" : `no ${direction === 1 ? "later" : "earlier"} one`;
  };
  useEffect(() => {
    const onKey = (e: KeyboardEvent) => {
      if (e.defaultPrevented || e.ctrlKey || e.metaKey || e.altKey) return;
      // Keys that a field, a list or a button uses itself are theirs.
      if ((e.target as HTMLElement).closest("input, textarea, select, button, [tabindex], a") !== null) {
        return;
      }
      const act = {
        " ": toggle,
        ArrowRight: () => void go(1),
        ArrowLeft: () => void go(-1),
        Home: () => session.go(-1),
        End: () => session.goLive(),
      }[e.key];
      if (act === undefined) return;
      e.preventDefault();
      act();
    };
    document.addEventListener("keydown", onKey);
    return () => document.removeEventListener("keydown", onKey);
  }, []);
  const ended = exitCode === undefined ? "" : `, exit status ${exitCode}`;
  return (
    <section class="run" aria-label="Run">
      <div class="buttons">
        <button type="button" onClick={() => session.go(-1)} title="To the beginning (Home)">|◀ Start</button>
        <button type="button" onClick={() => void go(-1)} title="One step back (left arrow)">◀ Back</button>
        <button type="button" id="play" onClick={toggle} title="Play or pause (space)">
          {playing.value ? "❚❚ Pause" : "▶ Play"}
        </button>
        <button type="button" id="step" onClick={() => void go(1)} title="One step on (right arrow)">
          Step ▶
        </button>
        <button
          type="button"
          aria-pressed={live.value}
          onClick={() => session.goLive()}
          title="Follow the machine (End)"
        >
          Live ▶|
        </button>
        <label>
          Step to{" "}
          <select
            id="step-kind"
            value={step.value}
            onChange={(e) => step.value = e.currentTarget.value as Step}
          >
            {STEP_NAMES.map((s) => <option key={s.step} value={s.step} title={s.help}>{s.label}</option>)}
          </select>
        </label>
        <label>
          Speed{" "}
          <select value={speed.value} onChange={(e) => speed.value = Number(e.currentTarget.value)}>
            {SPEEDS.map((s) => <option key={s} value={s}>{s} events/s</option>)}
          </select>
        </label>
        <span class="status" role="status">
          {none.value !== "" && <em>{none}</em>}
          {hit.value !== undefined && <strong>breakpoint at event {hit.value}.</strong>}
        </span>
      </div>
      <p class="event" title={line?.text}>
        {line !== undefined && (
          <>
            <span class={`who ${line.actor}`}>{line.actor}</span> {line.what}: {line.text}
          </>
        )}
      </p>
      <p class="where">
        {position.value < 0 ? "before the first event" : "after event"}{" "}
        <span id="position">{position.value < 0 ? "" : position.value}</span> of{" "}
        <span id="event-count">{length}</span>,{" "}
        <span class="time">
          {(state.t / 1e6).toFixed(4)} of {(t / 1e6).toFixed(4)} ms
        </span>, machine <span id="machine-status">{machine}</span>
        {ended}
        {failure !== undefined && <strong class="wrong">{failure}</strong>}
      </p>
    </section>
  );
}
