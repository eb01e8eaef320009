import { useSignal } from "@preact/signals";
import { Nothing, Scroll, View } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import { hex, size } from "../lib/views/numbers.ts";
import { type PciFunction, pciFunctions } from "../lib/views/pci.ts";

const EXPLAIN =
  "Each function on the PCI bus has 256 bytes of configuration space that say what it is, where its registers " +
  "shall appear in memory (BARs), and what else it can do (capabilities).";

/** The functions of the PCI bus; of the chosen one its BARs and capabilities. */
export default function PciTree() {
  const { state } = session.moment.value;
  const chosen = useSignal("");
  const all = pciFunctions(state);
  const f = all.find((x) => x.bdf === chosen.value) ?? all.find((x) => x.dev.startsWith("virtio-")) ?? all[0];
  return (
    <View id="pci" title="PCI" explain={EXPLAIN}>
      {f === undefined
        ? (
          <Nothing>
            {state.at < 0 || state.machine === ""
              ? "The trace does not say what is on the PCI bus."
              : `Machine ${state.machine} has no PCI bus: its virtio devices are at fixed addresses, see the registers.`}
          </Nothing>
        )
        : (
          <div class="columns">
            <Scroll label="Functions">
              <table>
                <caption>Bus 0</caption>
                <thead>
                  <tr>
                    <th scope="col">Place</th>
                    <th scope="col">Function</th>
                    <th scope="col">Ids</th>
                  </tr>
                </thead>
                <tbody>
                  {all.map((x) => (
                    <tr key={x.bdf} class={x === f ? "now" : ""}>
                      <th scope="row">
                        <button
                          type="button"
                          class="link"
                          aria-pressed={x === f}
                          onClick={() => chosen.value = x.bdf}
                        >
                          {x.bdf}
                        </button>
                      </th>
                      <td>
                        {x.dev} <small class="below">{x.kind}</small>
                      </td>
                      <td class="mono">{x.ids}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </Scroll>
            <Details f={f} />
          </div>
        )}
    </View>
  );
}

function Details(props: { f: PciFunction }) {
  const { f } = props;
  return (
    <Scroll label={`Function ${f.bdf}`} class="double">
      <h3>
        {f.bdf} {f.dev} <small>{f.kind}</small>
      </h3>
      <p class="facts">
        Answers to: <b>{f.command.join(", ") || "nothing yet"}</b>
        {f.interrupt !== "" && (
          <>
            ; interrupt pin: <b>{f.interrupt}</b>
          </>
        )}
      </p>
      {f.bars.length > 0 && (
        <table>
          <caption>
            BARs <small>where its registers appear</small>
          </caption>
          <thead>
            <tr>
              <th scope="col">BAR</th>
              <th scope="col">Kind</th>
              <th scope="col">From</th>
              <th scope="col">To</th>
              <th scope="col">Size</th>
            </tr>
          </thead>
          <tbody>
            {f.bars.map((b) => (
              <tr key={b.index}>
                <th scope="row">{b.index}</th>
                <td>{b.kind}{b.prefetchable && ", prefetchable"}</td>
                {b.addr === 0 ? <td colSpan={2}>not placed</td> : (
                  <>
                    <td class="mono">{hex(b.addr)}</td>
                    <td class="mono">{hex(b.addr + b.size - 1)}</td>
                  </>
                )}
                <td>{size(b.size)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {f.capabilities.length > 0 && (
        <table>
          <caption>
            Capabilities <small>in the order of their list</small>
          </caption>
          <thead>
            <tr>
              <th scope="col">At</th>
              <th scope="col">Capability</th>
              <th scope="col">Says</th>
            </tr>
          </thead>
          <tbody>
            {f.capabilities.map((c) => (
              <tr key={c.at}>
                <th scope="row">{hex(c.at, 2)}</th>
                <td>{c.name}</td>
                <td class="wrap">{c.text}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Scroll>
  );
}
