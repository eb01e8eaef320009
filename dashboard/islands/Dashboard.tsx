import { useSignal } from "@preact/signals";
import { useLayoutEffect } from "preact/hooks";
import { Drawer } from "../components/Drawer.tsx";
import { lazy } from "../components/lazy.tsx";
import { session } from "../lib/app.ts";
import { start } from "../lib/start.ts";
import ConsoleView from "./ConsoleView.tsx";
import RunControls from "./RunControls.tsx";
import TimeLine from "./TimeLine.tsx";
import Views from "./Views.tsx";

const Breakpoints = lazy(() => import("./Breakpoints.tsx"));
const MachineForm = lazy(() => import("./MachineForm.tsx"));

/** The whole page: boots what the link says, and shows the views. */
export default function Dashboard() {
  const large = useSignal(false);
  // Before the first picture is painted: the worker is fetched meanwhile.
  useLayoutEffect(() => {
    void start(session, location.href);
    return () => session.close();
  }, []);
  return (
    <main class={large.value ? "page large" : "page"}>
      <header>
        <h1>Pagurus</h1>
        <RunControls />
        <label class="large-switch">
          <input
            type="checkbox"
            checked={large.value}
            onChange={(e) => large.value = e.currentTarget.checked}
          />{" "}
          large type
        </label>
      </header>
      <TimeLine />
      {session.error.value !== "" && <p class="error" role="alert">{session.error}</p>}
      <div class="body">
        <aside>
          <Drawer title="Machine" content={MachineForm} />
          <Drawer title={`Breakpoints (${session.breakpoints.value.length})`} content={Breakpoints} />
          <ConsoleView />
        </aside>
        <Views />
      </div>
    </main>
  );
}
