import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { View } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import { EventWindow } from "../lib/views/event_window.ts";
import { count, time } from "../lib/views/numbers.ts";
import { eventLine } from "../lib/views/events.ts";
import { STEP_NAMES } from "../lib/protocol.ts";
import type { Step } from "../lib/protocol.ts";

/** Height of a row before one has been measured. */
const ROW = 24;
/** Browsers bound the height of what they scroll: beyond it a pixel stands for more. */
const TALLEST = 8e6;

const EXPLAIN =
  "Everything that happened, in order: each register access, each write to shared memory, notification and " +
  "interrupt. Choose a line (click, or arrow keys) to see the machine at that moment.";

/** All events, however many: only those on the screen are fetched and drawn. */
export default function EventList() {
  const box = useRef<HTMLDivElement>(null);
  const step = useSignal<Step>("event");
  const device = useSignal("");
  const rows = useSignal(10);
  const top = useSignal(0);
  const drawn = useSignal(0);
  const rowHeight = useSignal(ROW);
  const list = useRef<EventWindow>(null);
  /** Where the scroll bar was put last. */
  const placed = useRef(0);
  list.current ??= new EventWindow(session, () => drawn.value++);
  const events = list.current;
  const { length, first } = session.progress.value;
  const position = session.position.value;
  void drawn.value;
  events.update(session.run.value, first, length, step.value, device.value);
  const total = events.length;
  const current = events.indexOf(position);
  const height = Math.min(TALLEST, total * rowHeight.value);
  const most = Math.max(0, total - rows.value);
  const shift = Math.min(top.value, most);

  /** Puts the scroll bar to where a line is; what follows is no scrolling of the user. */
  const place = (index: number) => {
    const el = box.current!;
    el.scrollTop = most > 0 ? (el.scrollHeight - el.clientHeight) * index / most : 0;
    placed.current = el.scrollTop;
  };
  const scrollTo = (index: number) => {
    top.value = Math.max(0, Math.min(index, most));
    place(top.value);
  };
  const onScroll = () => {
    const el = box.current!;
    if (Math.abs(el.scrollTop - placed.current) < 1) return;
    placed.current = el.scrollTop;
    const range = el.scrollHeight - el.clientHeight;
    top.value = range <= 0 ? 0 : Math.round(el.scrollTop / range * most);
  };
  useEffect(() => {
    const el = box.current!;
    const measure = () => {
      rowHeight.value = el.querySelector<HTMLElement>("thead tr")?.offsetHeight || ROW;
      rows.value = Math.max(3, Math.floor(el.clientHeight / rowHeight.value) - 1);
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(el);
    return () => observer.disconnect();
  }, []);
  // The line at the top stays there when the list grows or its place changes; the chosen event is kept in sight.
  useLayoutEffect(() => place(shift), [most, rows.value, rowHeight.value]);
  useLayoutEffect(() => {
    if (current < 0) return;
    if (current < shift || current >= shift + rows.value) {
      scrollTo(session.live.value ? current - rows.value + 1 : current - Math.floor(rows.value / 2));
    }
  }, [current, rows.value, total === 0]);

  const choose = (index: number) => {
    void events.number(Math.max(0, Math.min(index, total - 1))).then((at) =>
      at !== undefined && session.go(at)
    );
  };
  const onKeyDown = (e: KeyboardEvent) => {
    const by: Record<string, number> = {
      ArrowDown: current + 1,
      ArrowUp: current - 1,
      PageDown: current + rows.value,
      PageUp: current - rows.value,
      Home: 0,
      End: total - 1,
    };
    if (!(e.key in by) || e.altKey || e.ctrlKey || e.metaKey) return;
    e.preventDefault();
    choose(by[e.key]);
  };
  const shown = events.rows(shift, rows.value);
  return (
    <View id="events" title="Events" explain={EXPLAIN}>
      <div class="bar">
        <label>
          Show{" "}
          <select value={step.value} onChange={(e) => step.value = e.currentTarget.value as Step}>
            {STEP_NAMES.map((s) => (
              <option key={s.step} value={s.step}>
                {s.step === "event" ? "all events" : s.label.toLowerCase()}
              </option>
            ))}
          </select>
        </label>
        <label>
          of{" "}
          <input
            placeholder="device or area"
            size={16}
            value={device.value}
            onInput={(e) => device.value = e.currentTarget.value.trim()}
          />
        </label>
        <span>
          {count(total)}{" "}
          events{first > 0 && `; the first ${count(first)} were dropped to keep within the memory bound`}
        </span>
      </div>
      <div
        ref={box}
        class="scroll list"
        tabIndex={0}
        role="region"
        aria-label="Events; arrow keys choose one"
        onScroll={onScroll}
        onKeyDown={onKeyDown}
      >
        <div style={{ height: `${height + rowHeight.value}px` }}>
          <table class="events" aria-rowcount={total + 1}>
            <caption class="unseen">Events, oldest first</caption>
            <thead>
              <tr aria-rowindex={1}>
                <th scope="col">Number</th>
                <th scope="col">Time</th>
                <th scope="col">Who</th>
                <th scope="col">What</th>
                <th scope="col">Details</th>
              </tr>
            </thead>
            <tbody>
              {shown.map((row, i) => {
                const index = shift + i;
                if (row === undefined) {
                  return (
                    <tr key={index} aria-rowindex={index + 2}>
                      <td colSpan={5}>…</td>
                    </tr>
                  );
                }
                const line = eventLine(row.event);
                return (
                  <tr
                    key={index}
                    aria-rowindex={index + 2}
                    aria-current={index === current ? "true" : undefined}
                    onClick={() => session.go(row.at)}
                  >
                    <th scope="row">{row.at}</th>
                    <td>{time(row.t)}</td>
                    <td>
                      <span class={`who ${line.actor}`}>{line.actor}</span>
                    </td>
                    <td>{line.what}</td>
                    <td class="details" title={line.text}>{line.text}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      </div>
      <p class="unseen" role="status">
        {current >= 0 && !session.live.value && shown[current - shift] !== undefined
          ? `Event ${position}: ${
            (({ actor, what, text }) => `${actor} ${what} ${text}`)(eventLine(shown[current - shift]!.event))
          }`
          : ""}
      </p>
    </View>
  );
}
