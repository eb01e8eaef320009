import { useSignal } from "@preact/signals";
import { session } from "../lib/app.ts";
import { type EventFilter, type EventKind, filterText, KIND_LABELS } from "../lib/protocol.ts";

/** Playing stops at these: kinds of events, addresses, devices. */
export default function Breakpoints() {
  const kind = useSignal<EventKind | "">("");
  const from = useSignal("");
  const to = useSignal("");
  const dev = useSignal("");
  const rule = useSignal("");
  const wrong = useSignal("");
  const { breakpoints } = session;
  const add = (event: Event) => {
    event.preventDefault();
    const [a, b] = [number(from.value), number(to.value)];
    if (Number.isNaN(a) || Number.isNaN(b)) {
      wrong.value = "An address is a number such as 0xe0000014.";
      return;
    }
    if (kind.value === "" && a === undefined && dev.value === "" && rule.value === "") {
      wrong.value = "Choose a kind of event, an address, a device, or a rule.";
      return;
    }
    wrong.value = "";
    const filter: EventFilter = {
      ...kind.value === "" ? {} : { kinds: [kind.value] },
      ...a === undefined ? {} : { from: a, to: b ?? a },
      ...dev.value === "" ? {} : { dev: dev.value },
      ...rule.value === "" ? {} : { rule: rule.value },
    };
    breakpoints.value = [...breakpoints.value, { filter, on: true }];
  };
  const change = (i: number, on: boolean | undefined) =>
    breakpoints.value = breakpoints.value.flatMap((b, j) =>
      j !== i ? [b] : on === undefined ? [] : [{ ...b, on }]
    );
  return (
    <div class="breakpoints">
      <ul aria-label="Breakpoints">
        {breakpoints.value.map((b, i) => (
          <li key={i}>
            <label>
              <input type="checkbox" checked={b.on} onChange={(e) => change(i, e.currentTarget.checked)} />
              {" "}
              {filterText(b.filter)}
            </label>{" "}
            <button
              type="button"
              onClick={() => change(i, undefined)}
              aria-label={`Remove ${filterText(b.filter)}`}
            >
              Remove
            </button>
          </li>
        ))}
      </ul>
      <form class="row" onSubmit={add}>
        <label>
          Kind{" "}
          <select value={kind.value} onChange={(e) => kind.value = e.currentTarget.value as EventKind | ""}>
            <option value="">any</option>
            {Object.entries(KIND_LABELS).map(([k, label]) => <option key={k} value={k}>{label}</option>)}
          </select>
        </label>
        <label>
          Address{" "}
          <input class="short" value={from.value} onInput={(e) => from.value = e.currentTarget.value} />
        </label>
        <label>
          to <input class="short" value={to.value} onInput={(e) => to.value = e.currentTarget.value} />
        </label>
        <label>
          Device <input class="short" value={dev.value} onInput={(e) => dev.value = e.currentTarget.value} />
        </label>
        <label title="Part of the name of a strict rule, or of a clause of the specification">
          Rule or clause{" "}
          <input
            id="break-rule"
            class="short"
            value={rule.value}
            onInput={(e) => rule.value = e.currentTarget.value}
          />
        </label>
        <button type="submit">Add breakpoint</button>
      </form>
      {wrong.value !== "" && <p class="wrong" role="alert">{wrong}</p>}
    </div>
  );
}

function number(text: string): number | undefined {
  if (text.trim() === "") return undefined;
  return /^(0x[0-9a-f]+|\d+)$/i.test(text.trim()) ? Number(text) : NaN;
}
