import { Nothing, Scroll, View, Who } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import { count, time, times } from "../lib/views/numbers.ts";

const EXPLAIN =
  "The kernel has one thread; its tasks take turns: each runs until it waits for something, and goes on when that " +
  "has happened.";

/** Tasks of the kernel, and what each waits for. */
export default function Tasks() {
  const { tasks, running, counts } = session.moment.value.state;
  const before = (kind: "task_switch" | "task_wait") => (
    <button
      type="button"
      onClick={() => void session.seek([{ kinds: [kind] }], kind === "task_switch" ? 1 : -1)}
    >
      {kind === "task_switch" ? "To the next switch" : "To the last wait"}
    </button>
  );
  return (
    <View id="tasks" title="Tasks" explain={EXPLAIN}>
      <div class="bar">
        {before("task_switch")}
        {before("task_wait")}
        <span>{count(counts.task_switch ?? 0)} switches so far</span>
      </div>
      {tasks.length === 0 ? <Nothing>No task has run yet.</Nothing> : (
        <Scroll label="List of tasks">
          <table>
            <caption class="unseen">Tasks in the order of their first run</caption>
            <thead>
              <tr>
                <th scope="col">Task</th>
                <th scope="col">State</th>
                <th scope="col">Waits for</th>
                <th scope="col">Switched to</th>
              </tr>
            </thead>
            <tbody>
              {tasks.map((t) => (
                <tr key={t.name} class={t.state === "running" ? "now" : ""}>
                  <th scope="row">{t.name}</th>
                  <td>
                    {t.state === "running" ? <Who who={t.name === running ? "cpu" : "note"} /> : ""} {t.state}
                  </td>
                  <td class="wrap">{t.waitingFor.replace(/(\d+) ns/, (_all, ns) => time(Number(ns)))}</td>
                  <td>{times(t.switches)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </View>
  );
}
