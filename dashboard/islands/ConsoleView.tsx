import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { session } from "../lib/app.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The console: what the guest has printed up to the moment, and a line to type into. */
export default function ConsoleView() {
  const { console, state } = session.moment.value;
  const first = state.chardevs[0]?.chardev ?? Object.keys(console)[0];
  const text = first === undefined ? "" : decoder.decode(console[first] ?? new Uint8Array());
  const line = useSignal("");
  const out = useRef<HTMLPreElement>(null);
  const toEnd = () => out.current?.scrollTo(0, out.current.scrollHeight);
  useEffect(toEnd, [text]);
  useEffect(() => {
    // Another width or size of type wraps the lines elsewhere.
    const seen = new ResizeObserver(toEnd);
    if (out.current !== null) seen.observe(out.current);
    return () => seen.disconnect();
  }, []);
  const send = (event: Event) => {
    event.preventDefault();
    if (first === undefined) return;
    void session.type(first, encoder.encode(line.value + "\n"));
    line.value = "";
  };
  return (
    <section class="console" aria-labelledby="console-title">
      <h2 id="console-title">Console</h2>
      <pre ref={out} id="console" tabIndex={0} role="log" aria-label="Output of the console">{text}</pre>
      <form onSubmit={send}>
        <label>
          Input{" "}
          <input
            id="console-input"
            autocomplete="off"
            value={line.value}
            onInput={(e) => line.value = e.currentTarget.value}
          />
        </label>
      </form>
    </section>
  );
}
