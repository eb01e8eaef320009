import { Nothing, Scroll, View } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import { type Negotiation, negotiation } from "../lib/views/mod.ts";

const EXPLAIN =
  "The device offers features, the driver asks for those that it knows; what both want holds once FEATURES_OK " +
  "stands in the status register.";

/** Feature negotiation with each virtio device. */
export default function Features() {
  const { state } = session.moment.value;
  return (
    <View id="features" title="Features" explain={EXPLAIN}>
      {state.virtio.length === 0 && <Nothing>No virtio device has been seen yet.</Nothing>}
      <div class="columns">{state.virtio.map((v) => <Device key={v.name} n={negotiation(v)} />)}</div>
    </View>
  );
}

const yes = (is: boolean) => is ? <span class="yes">yes</span> : <span class="no">–</span>;

function Device(props: { n: Negotiation }) {
  const { n } = props;
  return (
    <Scroll label={`Features of ${n.device}`} class="tight">
      <h3>
        {n.device} <small>{n.kind}</small>
      </h3>
      <ol class="steps" aria-label="Device status">
        {n.steps.map((s) => (
          <li key={s.name} class={s.done ? "done" : ""} title={s.meaning}>
            {s.name}
            <span class="unseen">{s.done ? " (done)" : " (not yet)"}</span>
          </li>
        ))}
      </ol>
      {n.trouble.map((t) => <p key={t} class="wrong">{t}</p>)}
      {n.unmet.map((t) => <p key={t} class="wrong">{t}</p>)}
      {n.rows.length === 0 ? <Nothing>The driver has not read what the device offers yet.</Nothing> : (
        <table>
          <caption class="unseen">Features of {n.device}</caption>
          <thead>
            <tr>
              <th scope="col">Bit</th>
              <th scope="col">Feature</th>
              <th scope="col">Offered</th>
              <th scope="col">Wanted</th>
              <th scope="col">Agreed</th>
            </tr>
          </thead>
          <tbody>
            {n.rows.map((r) => (
              <tr key={r.bit} class={r.agreed ? "agreed" : ""}>
                <td>{r.bit}</td>
                <th scope="row">
                  {r.name} <small>{r.meaning}</small>
                </th>
                <td>{yes(r.offered)}</td>
                <td>{yes(r.wanted)}</td>
                <td>{yes(r.agreed)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Scroll>
  );
}
