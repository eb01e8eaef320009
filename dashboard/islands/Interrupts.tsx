import { Nothing, Scroll, View } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import { hex } from "../lib/views/numbers.ts";
import { interrupts } from "../lib/views/interrupts.ts";

const EXPLAIN =
  "A device raises a line, which the IOAPIC turns into a vector, or sends a message that carries the vector " +
  "itself: it stands in the device's MSI-X table, and each queue names an entry. The CPU takes it when it lets interrupts in.";

/** Lines, messages, and the vectors that the CPU took. */
export default function Interrupts() {
  const seen = interrupts(session.moment.value.state);
  return (
    <View id="interrupts" title="Interrupts" explain={EXPLAIN}>
      <div class="columns">
        <div class="column">
          <Scroll label="Lines" class="tight">
            <table>
              <caption>
                Lines <small>inputs of the IOAPIC</small>
              </caption>
              <thead>
                <tr>
                  <th scope="col">Line</th>
                  <th scope="col">Now</th>
                  <th scope="col">Rises</th>
                  <th scope="col">Vector</th>
                  <th scope="col">Device</th>
                </tr>
              </thead>
              <tbody>
                {seen.lines.map((l) => (
                  <tr key={l.line} class={l.level ? "device" : ""}>
                    <th scope="row">{l.line}</th>
                    <td>{l.level ? <b>raised</b> : "low"}</td>
                    <td>{l.rises}</td>
                    <td>
                      {l.vector < 0 ? "masked" : l.vector} <small class="below">{l.trigger}</small>
                    </td>
                    <td class="wrap">{l.devices === "" ? "not raised yet" : l.devices}</td>
                  </tr>
                ))}
              </tbody>
            </table>
            {seen.lines.length === 0 && <Nothing>No line is set up or was raised yet.</Nothing>}
          </Scroll>
          <Scroll label="Vectors" class="tight">
            <table>
              <caption>
                Vectors <small>taken by the CPU</small>
              </caption>
              <thead>
                <tr>
                  <th scope="col">Vector</th>
                  <th scope="col">Taken</th>
                  <th scope="col">Last</th>
                  <th scope="col">From</th>
                </tr>
              </thead>
              <tbody>
                {seen.vectors.map((v) => (
                  <tr key={v.vector}>
                    <th scope="row">
                      {v.vector} <small>{hex(v.vector)}</small>
                    </th>
                    <td>{v.count}</td>
                    <td>
                      <button type="button" class="link" onClick={() => session.go(v.last)}>
                        event {v.last}
                      </button>
                    </td>
                    <td class="wrap">{v.from}</td>
                  </tr>
                ))}
              </tbody>
            </table>
            {seen.vectors.length === 0 && <Nothing>The CPU has taken no interrupt yet.</Nothing>}
          </Scroll>
        </div>
        <Scroll label="Messages" class="tight wide">
          <table>
            <caption>
              Messages <small>MSI and MSI-X</small>
            </caption>
            <thead>
              <tr>
                <th scope="col">Device</th>
                <th scope="col">For</th>
                <th scope="col">Vector</th>
                <th scope="col">Sent</th>
                <th scope="col">To CPU</th>
              </tr>
            </thead>
            <tbody>
              {seen.messages.map((m) => (
                <tr key={`${m.device} ${m.addr} ${m.data}`}>
                  <th scope="row">
                    {m.device} <small class="below">{hex(m.data)} to {hex(m.addr)}</small>
                  </th>
                  <td class="wrap">
                    {m.purpose} {m.entry >= 0 && <small class="below">entry {m.entry}</small>}
                  </td>
                  <td>{m.vector}</td>
                  <td>{m.count}</td>
                  <td>{m.cpu}</td>
                </tr>
              ))}
            </tbody>
          </table>
          {seen.messages.length === 0 && <Nothing>No message is set up or was sent yet.</Nothing>}
        </Scroll>
      </div>
    </View>
  );
}
