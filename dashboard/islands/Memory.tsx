import { useSignal } from "@preact/signals";
import { Nothing, Scroll, View } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import { dump, pageWalk, regions } from "../lib/views/memory.ts";
import { hex, size } from "../lib/views/numbers.ts";

const EXPLAIN =
  "The CPU finds what a virtual address means by four tables of 512 entries, each chosen by nine bits of the " +
  "address; devices use physical addresses and see no tables.";
/** Lines of memory that are shown. */
const LINES = 16;
const MOST_REGIONS = 80;

/** Memory map, the page walk for an address, and the bytes there. */
export default function Memory() {
  const { state, read } = session.moment.value;
  const text = useSignal("0x100000");
  const address = parse(text.value);
  const walk = address === undefined ? undefined : pageWalk(state.pageTableRoot, address, read);
  const at = walk?.physical;
  const lines = at === undefined || at >= state.memory && state.memory > 0
    ? undefined
    : dump(at, LINES, read);
  const map = regions(state);
  return (
    <View id="memory" title="Memory" explain={EXPLAIN}>
      <div class="bar">
        <label>
          Address{" "}
          <input
            class="mono"
            size={20}
            value={text.value}
            aria-invalid={address === undefined}
            onInput={(e) => text.value = e.currentTarget.value}
          />
        </label>
        <output class={walk?.physical === undefined ? "wrong" : ""}>
          {address === undefined
            ? "A number is expected: 0x100000, or 4096."
            : walk?.words ?? "Memory is on its way."}
        </output>
      </div>
      <div class="columns">
        <Scroll label="Page walk and bytes" class="double">
          <table>
            <caption>
              Page walk{" "}
              {walk !== undefined && walk.pageSize > 0 && <small>to a page of {size(walk.pageSize)}</small>}
            </caption>
            <thead>
              <tr>
                <th scope="col">Table</th>
                <th scope="col">At</th>
                <th scope="col">Entry</th>
                <th scope="col">Holds</th>
                <th scope="col">Leads to</th>
                <th scope="col">Flags</th>
              </tr>
            </thead>
            <tbody>
              {walk?.steps.map((s) => (
                <tr key={s.level}>
                  <th scope="row">{s.name}</th>
                  <td class="mono">{hex(s.table)}</td>
                  <td>{s.index}</td>
                  <td class="mono">{hex(s.high, 8)}_{s.low.toString(16).padStart(8, "0")}</td>
                  <td class="mono">{s.leads < 0 ? "–" : hex(s.leads)}</td>
                  <td class="wrap">{s.flags.join(" ") || "none"}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {lines !== undefined && (
            <table class="dump mono">
              <caption>Bytes at physical {hex(lines[0].at)}</caption>
              <thead>
                <tr>
                  <th scope="col">Address</th>
                  <th scope="col">Bytes</th>
                  <th scope="col">Text</th>
                </tr>
              </thead>
              <tbody>
                {lines.map((l) => (
                  <tr key={l.at}>
                    <th scope="row">{hex(l.at)}</th>
                    <td>{l.hex.join(" ")}</td>
                    <td>{l.text}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )}
        </Scroll>
        <Scroll label="Memory map" class="tight">
          <table>
            <caption>
              Physical memory <small>choose a place to look at it</small>
            </caption>
            <thead>
              <tr>
                <th scope="col">From</th>
                <th scope="col">Size</th>
                <th scope="col">What</th>
              </tr>
            </thead>
            <tbody>
              {map.slice(0, MOST_REGIONS).map((r, i) => (
                <tr key={`${r.from} ${i}`} class={r.kind}>
                  <th scope="row">
                    <button type="button" class="link mono" onClick={() => text.value = hex(r.from)}>
                      {hex(r.from)}
                    </button>
                  </th>
                  <td>{size(r.size)}</td>
                  <td class="wrap">{r.what}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {map.length === 0 && <Nothing>Nothing is known yet.</Nothing>}
        </Scroll>
      </div>
    </View>
  );
}

function parse(text: string): bigint | undefined {
  const plain = text.trim().replaceAll("_", "");
  if (!/^(0x[0-9a-f]{1,16}|\d{1,20})$/i.test(plain)) return undefined;
  const n = BigInt(plain);
  return n < 1n << 64n ? n : undefined;
}
