import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { ComponentType } from "preact";
import { lazy } from "../components/lazy.tsx";
import SplitRing from "./SplitRing.tsx";

/** The first view comes with the page, each other one when it is chosen. */
const VIEWS: readonly { readonly id: string; readonly label: string; readonly view: ComponentType }[] = [
  { id: "events", label: "Events", view: lazy(() => import("./EventList.tsx")) },
  { id: "split", label: "Split ring", view: SplitRing },
  { id: "packed", label: "Packed ring", view: lazy(() => import("./PackedRing.tsx")) },
  { id: "features", label: "Features", view: lazy(() => import("./Features.tsx")) },
  { id: "interrupts", label: "Interrupts", view: lazy(() => import("./Interrupts.tsx")) },
  { id: "pci", label: "PCI", view: lazy(() => import("./PciTree.tsx")) },
  { id: "registers", label: "Registers", view: lazy(() => import("./Registers.tsx")) },
  { id: "memory", label: "Memory", view: lazy(() => import("./Memory.tsx")) },
  { id: "frames", label: "Frames", view: lazy(() => import("./Frames.tsx")) },
  { id: "tasks", label: "Tasks", view: lazy(() => import("./Tasks.tsx")) },
  { id: "rules", label: "Rules", view: lazy(() => import("./Rules.tsx")) },
  { id: "plots", label: "Plots", view: lazy(() => import("./Plots.tsx")) },
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
