import { useEffect } from "preact/hooks";
import { session } from "../lib/app.ts";
import { start } from "../lib/start.ts";
import ConsoleView from "./ConsoleView.tsx";
import RunBar from "./RunBar.tsx";
import SetupForm from "./SetupForm.tsx";
import Views from "./Views.tsx";

/** The whole page: boots what the link says, and shows the views. */
export default function Dashboard() {
  useEffect(() => {
    void start(session, location.href);
    return () => session.close();
  }, []);
  return (
    <main class="page">
      <header>
        <h1>Pagurus</h1>
        <SetupForm />
      </header>
      {session.error.value !== "" && (
        <p class="error" role="alert">
          {session.error} <button type="button" onClick={() => session.error.value = ""}>Close</button>
        </p>
      )}
      <RunBar />
      <div class="panes">
        <Views />
        <ConsoleView />
      </div>
    </main>
  );
}
