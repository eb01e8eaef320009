import { type Signal, signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { session } from "../lib/app.ts";
import { type Ring, rings, touches } from "../lib/views/rings.ts";

/** The queue that was chosen; both ring views show it. Empty: the one that was used last. Client state. */
const chosen: Signal<string> = signal("");
/** The one that was used last at the moment. */
const used: Signal<string> = signal("");
/** What uses a queue. */
const USES = [{ step: "ring" }, { step: "notification" }] as const;

/** Finds out which queue was written or notified last at a moment. */
async function lastUsed(at: number): Promise<string | undefined> {
  const found = await session.call("next", { filters: USES, from: at, direction: -1 });
  if (found === undefined || found.at < 0) return undefined;
  const [row] = await session.events(found.at, 1);
  return row && rings(session.moment.peek().state).find((r) => touches(row.event, r))?.key;
}

/** The queues of a kind at the moment, and the one to show: the chosen one, else that used last, else the first. */
export function useRing(kind: Ring["kind"]): { all: readonly Ring[]; ring: Ring | undefined } {
  const { state } = session.moment.value;
  const follow = chosen.value === "";
  useEffect(() => {
    if (!follow) return;
    let over = false;
    void lastUsed(state.at).then((key) => {
      if (!over && key !== undefined) used.value = key;
    });
    return () => over = true;
  }, [state, follow]);
  const all = rings(state);
  const fitting = all.filter((r) => r.kind === kind);
  const key = follow ? used.value : chosen.value;
  return { all, ring: fitting.find((r) => r.key === key) ?? fitting[0] };
}

/** Chooses among queues of a kind. */
export function QueuePicker(props: { all: readonly Ring[]; ring: Ring }) {
  const { all, ring } = props;
  return (
    <>
      <label class="picker">
        Queue{" "}
        <select value={ring.key} onChange={(e) => chosen.value = e.currentTarget.value}>
          {all.filter((r) => r.kind === ring.kind).map((r) => (
            <option key={r.key} value={r.key}>{r.label}</option>
          ))}
        </select>
      </label>
      <label title="Show the queue that was written or notified last">
        <input
          type="checkbox"
          id="follow"
          checked={chosen.value === ""}
          onChange={(e) => chosen.value = e.currentTarget.checked ? "" : ring.key}
        />{" "}
        the one used last
      </label>
    </>
  );
}
