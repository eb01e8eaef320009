import { useEffect } from "preact/hooks";
import { session } from "../lib/app.ts";
import { start } from "../lib/start.ts";
import ConsoleView from "./ConsoleView.tsx";

/** The whole page: boots what the link says, and shows the views. */
export default function Dashboard() {
  useEffect(() => {
    void start(session, location.href);
    return () => session.close();
  }, []);
  const { length, machine, t } = session.progress.value;
  return (
    <main>
      <h1>Pagurus</h1>
      {session.error.value !== "" && <p class="error" role="alert">{session.error}</p>}
      <p>
        <output id="event-count">{length}</output> events, {(t / 1e6).toFixed(3)} ms, machine{" "}
        <span id="machine-status">{machine}</span>
      </p>
      <ConsoleView />
    </main>
  );
}
