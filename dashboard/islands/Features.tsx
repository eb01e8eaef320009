import { useSignal } from "@preact/signals";
import { Nothing, Scroll, View } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import { DeviceStatus } from "../../spec/virtio/status.ts";
import { type Negotiation, negotiation } from "../lib/views/features.ts";

const EXPLAIN =
  "The device offers features, the driver asks for those that it knows; what both want holds once FEATURES_OK " +
  "stands in the status register.";

/** Feature negotiation with one virtio device: unless one is chosen, the one that is at it. */
export default function Features() {
  const { state } = session.moment.value;
  const chosen = useSignal("");
  const { virtio } = state;
  const v = virtio.find((x) => x.name === chosen.value) ??
    virtio.find((x) => x.status !== 0 && (x.status & DeviceStatus.DRIVER_OK) === 0) ?? virtio[0];
  return (
    <View id="features" title="Features" explain={EXPLAIN}>
      {v === undefined ? <Nothing>No virtio device has been seen yet.</Nothing> : (
        <>
          <div class="bar">
            <label>
              Device{" "}
              <select value={chosen} onChange={(e) => chosen.value = e.currentTarget.value}>
                <option value="">the one that negotiates, else the first</option>
                {virtio.map((x) => <option key={x.name} value={x.name}>{x.device}</option>)}
              </select>
            </label>
          </div>
          <Device n={negotiation(v)} />
        </>
      )}
    </View>
  );
}

const yes = (is: boolean) => is ? <span class="yes">yes</span> : <span class="no">–</span>;

function Device(props: { n: Negotiation }) {
  const { n } = props;
  return (
    <Scroll label={`Features of ${n.device}`}>
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
      {n.rows.length > 0 && (
        <p class="facts">
          {n.rows.filter((r) => r.offered).length} offered, {n.rows.filter((r) => r.wanted).length} wanted,
          {" "}
          <b>{n.rows.filter((r) => r.agreed).length} agreed</b>.
        </p>
      )}
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
              <th scope="col">Means</th>
            </tr>
          </thead>
          <tbody>
            {n.rows.map((r) => (
              <tr key={r.bit} class={r.agreed ? "agreed" : ""}>
                <td>{r.bit}</td>
                <th scope="row">{r.name}</th>
                <td>{yes(r.offered)}</td>
                <td>{yes(r.wanted)}</td>
                <td>{yes(r.agreed)}</td>
                <td class="wrap">{r.meaning}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Scroll>
  );
}
