import { useSignal } from "@preact/signals";
import { useInSight } from "../components/sight.ts";
import { Nothing, Scroll, View } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import { hex } from "../lib/views/numbers.ts";
import { registers, registerValue } from "../lib/views/registers.ts";

const EXPLAIN =
  "A driver talks to a device through registers: addresses that look like memory or are ports, and act. Here is " +
  "what was last read from or written to each.";

/** Registers of one device as last seen; unless one is chosen, of that which was touched last. */
export default function Registers() {
  const { state } = session.moment.value;
  const chosen = useSignal("");
  const blocks = registers(state);
  const last = Math.max(-1, ...blocks.flatMap((b) => b.rows.map((r) => r.at)));
  const touched = blocks.find((b) => b.rows.some((r) => r.at === last));
  const block = blocks.find((b) => b.dev === chosen.value) ?? touched;
  const sight = useInSight(`${block?.dev} ${last}`);
  return (
    <View id="registers" title="Registers" explain={EXPLAIN}>
      {block === undefined ? <Nothing>No register was touched yet.</Nothing> : (
        <>
          <div class="bar">
            <label>
              Device{" "}
              <select value={chosen.value} onChange={(e) => chosen.value = e.currentTarget.value}>
                <option value="">the one touched last ({touched?.dev})</option>
                {blocks.map((b) => <option key={b.dev} value={b.dev}>{b.dev} ({b.rows.length})</option>)}
              </select>
            </label>
          </div>
          <Scroll label={`Registers of ${block.dev}`}>
            <table>
              <caption>
                {block.dev} <small>by address; the one touched last is marked</small>
              </caption>
              <thead>
                <tr>
                  <th scope="col">Register</th>
                  <th scope="col">Address</th>
                  <th scope="col">Value</th>
                  <th scope="col">Meaning</th>
                  <th scope="col">Last</th>
                  <th scope="col">At</th>
                </tr>
              </thead>
              <tbody>
                {block.rows.map((r) => (
                  <tr
                    key={`${r.reg} ${r.addr}`}
                    ref={r.at === last ? sight : undefined}
                    class={r.at === last ? "now" : ""}
                  >
                    <th scope="row">{r.reg}</th>
                    <td>{r.space === "port" ? "port " : ""}{hex(r.addr)}</td>
                    <td class="mono">{registerValue(r)}</td>
                    <td class="wrap">{r.meaning.replaceAll("|", " | ")}</td>
                    <td>{r.access === "read" ? "read" : "written"}</td>
                    <td>
                      <button type="button" class="link" onClick={() => session.go(r.at)}>
                        event {r.at}
                      </button>
                    </td>
                  </tr>
                ))}
              </tbody>
            </table>
          </Scroll>
        </>
      )}
    </View>
  );
}
