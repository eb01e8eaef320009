import { type Signal, signal } from "@preact/signals";
import type { Ring } from "../lib/views/rings.ts";

/** The queue that was chosen; both ring views show it. Client state. */
const chosen: Signal<string> = signal("");

/** The chosen ring among those of a kind; the first if it is not one of them. */
export function chosenRing(all: readonly Ring[], kind: Ring["kind"]): Ring | undefined {
  const fitting = all.filter((r) => r.kind === kind);
  return fitting.find((r) => r.key === chosen.value) ?? fitting[0];
}

/** Chooses among queues of a kind. */
export function QueuePicker(props: { all: readonly Ring[]; ring: Ring }) {
  const { all, ring } = props;
  return (
    <label class="picker">
      Queue{" "}
      <select value={ring.key} onChange={(e) => chosen.value = e.currentTarget.value}>
        {all.filter((r) => r.kind === ring.kind).map((r) => (
          <option key={r.key} value={r.key}>{r.label}</option>
        ))}
      </select>
    </label>
  );
}
