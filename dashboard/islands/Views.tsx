import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { ComponentType } from "preact";
import EventList from "./EventList.tsx";
import Features from "./Features.tsx";
import Frames from "./Frames.tsx";
import Interrupts from "./Interrupts.tsx";
import Memory from "./Memory.tsx";
import PackedRing from "./PackedRing.tsx";
import PciTree from "./PciTree.tsx";
import Registers from "./Registers.tsx";
import SplitRing from "./SplitRing.tsx";
import Tasks from "./Tasks.tsx";

const VIEWS: readonly { readonly id: string; readonly label: string; readonly view: ComponentType }[] = [
  { id: "events", label: "Events", view: EventList },
  { id: "split", label: "Split ring", view: SplitRing },
  { id: "packed", label: "Packed ring", view: PackedRing },
  { id: "features", label: "Features", view: Features },
  { id: "interrupts", label: "Interrupts", view: Interrupts },
  { id: "pci", label: "PCI", view: PciTree },
  { id: "registers", label: "Registers", view: Registers },
  { id: "memory", label: "Memory", view: Memory },
  { id: "frames", label: "Frames", view: Frames },
  { id: "tasks", label: "Tasks", view: Tasks },
];

/** All views as tabs. Only the chosen one is drawn, so that only its memory is fetched. */
export default function Views(props: { first?: string }) {
  const chosen = useSignal(props.first ?? "split");
  const tabs = useRef<HTMLDivElement>(null);
  const at = Math.max(0, VIEWS.findIndex((v) => v.id === chosen.value));
  const Current = VIEWS[at].view;
  const onKeyDown = (e: KeyboardEvent) => {
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: VIEWS.length - 1 }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    chosen.value = VIEWS[(to + VIEWS.length) % VIEWS.length].id;
    requestAnimationFrame(() => tabs.current?.querySelector<HTMLElement>("[aria-selected=true]")?.focus());
  };
  return (
    <div class="views">
      <link rel="stylesheet" href="./views.css" />
      <div ref={tabs} class="tabs" role="tablist" aria-label="Views" onKeyDown={onKeyDown}>
        {VIEWS.map((v, i) => (
          <button
            key={v.id}
            type="button"
            role="tab"
            id={`tab-${v.id}`}
            aria-selected={i === at}
            aria-controls="view-panel"
            tabIndex={i === at ? 0 : -1}
            onClick={() => chosen.value = v.id}
          >
            {v.label}
          </button>
        ))}
      </div>
      <div id="view-panel" role="tabpanel" aria-labelledby={`tab-${VIEWS[at].id}`}>
        <Current />
      </div>
    </div>
  );
}
