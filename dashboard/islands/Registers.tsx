import { useSignal } from "@preact/signals";
import { Nothing, Scroll, View } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import { hex } from "../lib/views/numbers.ts";
import { registers, registerValue } from "../lib/views/registers.ts";

const EXPLAIN =
  "A driver talks to a device through registers: addresses that look like memory or are ports, and act. Here is " +
  "what was last read from or written to each.";

/** Registers of one device as last seen. */
export default function Registers() {
  const { state } = session.moment.value;
  const chosen = useSignal("");
  const blocks = registers(state);
  const block = blocks.find((b) => b.dev === chosen.value) ??
    blocks.find((b) => b.dev.startsWith("virtio-")) ?? blocks[0];
  return (
    <View id="registers" title="Registers" explain={EXPLAIN}>
      {block === undefined ? <Nothing>No register was touched yet.</Nothing> : (
        <>
          <div class="bar">
            <label>
              Device{" "}
              <select value={block.dev} onChange={(e) => chosen.value = e.currentTarget.value}>
                {blocks.map((b) => <option key={b.dev} value={b.dev}>{b.dev} ({b.rows.length})</option>)}
              </select>
            </label>
          </div>
          <Scroll label={`Registers of ${block.dev}`}>
            <table>
              <caption>
                {block.dev} <small>by address; the line of the last event is marked</small>
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
                  <tr key={`${r.reg} ${r.addr}`} class={r.at === state.at ? "now" : ""}>
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
