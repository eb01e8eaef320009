import { useSignal } from "@preact/signals";
import { session } from "../lib/app.ts";
import { filterText, KIND_LABELS, STEP_NAMES } from "../lib/protocol.ts";
import type { EventKind, Step } from "../lib/protocol.ts";

const SPEEDS = [20, 200, 2000, 20_000];

/** Where the view is in the run, and how it moves: time line, play, steps, breakpoints. */
export default function RunBar() {
  const { first, length, machine } = session.progress.value;
  const at = session.position.value, live = session.live.value, playing = session.playing.value;
  const step = useSignal<Step>("ring");
  const none = useSignal("");
  const go = async (direction: 1 | -1) => {
    const label = STEP_NAMES.find((s) => s.step === step.value)!.label.toLowerCase();
    const found = await session.step(step.value, direction);
    none.value = found ? "" : `no ${label} ${direction > 0 ? "after" : "before"} this`;
  };
  const held = machine === "held";
  const canHold = session.source.value?.canBoot === true && ["running", "idle", "held"].includes(machine);
  return (
    <section class="runbar" aria-label="Run">
      <div class="buttons">
        <button type="button" id="play" onClick={() => playing ? session.pause() : session.play()}>
          {playing ? "Pause" : "Play"}
        </button>
        <select
          aria-label="Speed in events per second"
          value={session.speed.value}
          onChange={(e) => session.speed.value = Number(e.currentTarget.value)}
        >
          {SPEEDS.map((s) => <option key={s} value={s}>{s} events/s</option>)}
        </select>
        <button
          type="button"
          id="step-back"
          onClick={() => void go(-1)}
          aria-label="Back to the last such event"
        >
          ◀ Back
        </button>
        <button type="button" id="step" onClick={() => void go(1)} aria-label="On to the next such event">
          Step ▶
        </button>
        <select
          id="step-kind"
          aria-label="What a step goes to"
          value={step.value}
          onChange={(e) => step.value = e.currentTarget.value as Step}
        >
          {STEP_NAMES.map((s) => <option key={s.step} value={s.step} title={s.help}>{s.label}</option>)}
        </select>
        <button type="button" id="live" aria-pressed={live} onClick={() => session.goLive()}>Live</button>
        {canHold && (
          <button
            type="button"
            id="hold"
            aria-pressed={held}
            onClick={() => void session.hold(!held)}
          >
            {held ? "Let the machine run" : "Hold the machine"}
          </button>
        )}
        <Breakpoints />
        <output class="faint">{none.value}</output>
      </div>
      <div class="line">
        <input
          type="range"
          id="timeline"
          aria-label="Moment"
          aria-valuetext={`after event ${at}`}
          min={first - 1}
          max={Math.max(first, length - 1)}
          value={at}
          onInput={(e) => session.go(Number(e.currentTarget.value))}
        />
        <span class="faint">
          event <output id="position">{at}</output> of <output id="event-count">{length}</output>,{" "}
          {(session.moment.value.state.t / 1e6).toFixed(4)} ms, machine{" "}
          <span id="machine-status">{machine}</span>
          {first > 0 && `, the first ${first} were dropped`}
          {session.hit.value !== undefined && ", stopped at a breakpoint"}
        </span>
      </div>
    </section>
  );
}

/** Breakpoints: a kind of event, an address if one is given. */
function Breakpoints() {
  const kind = useSignal<EventKind>("notify");
  const address = useSignal("");
  const wrong = useSignal("");
  const list = session.breakpoints.value;
  const add = (event: Event) => {
    event.preventDefault();
    const text = address.value.trim();
    const from = text === "" ? undefined : Number(text);
    if (from !== undefined && !(Number.isInteger(from) && from >= 0)) {
      wrong.value = `'${text}' is not an address (0x105000)`;
      return;
    }
    wrong.value = "";
    const filter = { kinds: [kind.value], ...(from === undefined ? {} : { from }) };
    session.breakpoints.value = [...list, { on: true, filter }];
  };
  const change = (i: number, on: boolean | undefined) =>
    session.breakpoints.value = list.flatMap((b, k) =>
      k !== i ? [b] : on === undefined ? [] : [{ ...b, on }]
    );
  return (
    <details class="drop">
      <summary>Breakpoints ({list.filter((b) => b.on).length})</summary>
      <div class="card">
        <form onSubmit={add}>
          <select
            aria-label="Kind of event"
            value={kind.value}
            onChange={(e) => kind.value = e.currentTarget.value as EventKind}
          >
            {Object.entries(KIND_LABELS).map(([k, label]) => <option key={k} value={k}>{label}</option>)}
          </select>{" "}
          <input
            aria-label="Address, if any"
            placeholder="address"
            size={12}
            value={address.value}
            onInput={(e) => address.value = e.currentTarget.value}
          />{" "}
          <button type="submit">Add</button>
        </form>
        {wrong.value !== "" && <p class="error" role="alert">{wrong.value}</p>}
        <ul>
          {list.map((b, i) => (
            <li key={i}>
              <label>
                <input type="checkbox" checked={b.on} onChange={(e) => change(i, e.currentTarget.checked)} />
                {" "}
                {filterText(b.filter)}
              </label>{" "}
              <button type="button" onClick={() => change(i, undefined)}>Remove</button>
            </li>
          ))}
        </ul>
      </div>
    </details>
  );
}
