import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { QueuePicker, useRing } from "../components/choice.tsx";
import { RingCircle } from "../components/RingCircle.tsx";
import { Nothing, Scroll, View, Who } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import { hex, times } from "../lib/views/numbers.ts";
import { type PackedDescriptor, type PackedRing as Seen, packedRing } from "../lib/views/packed_ring.ts";
import { descriptorFlags } from "../lib/views/rings.ts";
import { usedChain } from "../lib/views/used_chain.ts";

const FEW = 32;
const EXPLAIN =
  "Driver and device go round the same ring of descriptors. Each flips its wrap counter when it passes the " +
  "end; a descriptor belongs to the device while its AVAIL bit is the driver's counter and its USED bit is not.";

/** The packed ring: as a circle with wrap counters, and as a table. */
export default function PackedRing() {
  const { state, read } = session.moment.value;
  const all = useSignal(false);
  const answer = useSignal({ at: -1, slot: -1, length: 1 });
  const { all: queues, ring } = useRing("packed");
  const seen = ring && packedRing(
    ring,
    read,
    (slot) => answer.value.at === state.at && answer.value.slot === slot ? answer.value.length : undefined,
  );
  const question = seen?.question ?? -1;
  useEffect(() => {
    if (ring === undefined || question < 0 || answer.value.at === state.at) return;
    const { at } = state, run = session.run.value;
    void usedChain(ring, read, question, at, async (filter, from) => {
      const next = await session.call("next", { filters: [filter], from, direction: -1 });
      return next === undefined || next.at < 0 ? undefined : (await session.events(next.at, 1))[0];
    }).then((length) => {
      if (run === session.run.value) answer.value = { at, slot: question, length: length ?? 1 };
    });
  }, [ring?.key, question, state.at]);
  return (
    <View id="packed" title="Packed ring" explain={EXPLAIN}>
      {ring === undefined
        ? (
          <Nothing>
            {queues.length > 0
              ? "No queue of this machine is a packed ring: give its devices packed=on on the command line."
              : "No driver has enabled a queue with a packed ring yet: play on, or go to a later moment."}
          </Nothing>
        )
        : (
          <>
            <div class="bar">
              <QueuePicker all={queues} ring={ring} />
              {ring.queue.size > FEW && (
                <label>
                  <input
                    type="checkbox"
                    checked={all}
                    onChange={(e) => all.value = e.currentTarget.checked}
                  />{" "}
                  all {ring.queue.size} entries
                </label>
              )}
              {seen && (
                <span>
                  <b>{seen.outstanding}</b> of {seen.size} descriptors with the <Who who="device" />, notified
                  {" "}
                  {times(ring.queue.notifications)}
                </span>
              )}
            </div>
            {seen === undefined ? <Nothing>Memory is on its way.</Nothing> : (
              <>
                <ul class="words">
                  <li>{seen.interrupts}</li>
                  <li>{seen.notifications}</li>
                </ul>
                <div class="columns circle">
                  <RingCircle ring={seen} />
                  <Table at={ring.queue.desc} ring={seen} rows={chosenRows(seen, all.value)} />
                </div>
              </>
            )}
          </>
        )}
    </View>
  );
}

/** Those around what the device has, or all. */
function chosenRows(ring: Seen, all: boolean): readonly PackedDescriptor[] {
  if (all || ring.size <= FEW) return ring.descriptors;
  return Array.from(
    { length: FEW },
    (_, i) => ring.descriptors[(ring.device.slot - FEW / 4 + i + ring.size) % ring.size],
  );
}

function Table(props: { at: number; ring: Seen; rows: readonly PackedDescriptor[] }) {
  const { at, ring, rows } = props;
  return (
    <Scroll label="Descriptor ring" class="tight">
      <table class="descriptors">
        <caption>
          Descriptor ring at {hex(at)}{" "}
          <small>
            {rows.length < ring.size
              ? `${rows.length} of ${ring.size}, from before the device's place`
              : `${ring.size} descriptors`}
          </small>
        </caption>
        <thead>
          <tr>
            <th scope="col">#</th>
            <th scope="col">Here</th>
            <th scope="col">Owner</th>
            <th scope="col">Holds</th>
            <th scope="col">Buffer</th>
            <th scope="col">Length</th>
            <th scope="col">Id</th>
            <th scope="col">AVAIL</th>
            <th scope="col">USED</th>
            <th scope="col">Flags</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((d) => (
            <tr key={d.index} class={d.owner === "device" ? "device" : ""}>
              <th scope="row">{d.index}</th>
              <td>
                {d.index === ring.driver.slot && <span class="here driver">driver</span>}{" "}
                {d.index === ring.device.slot && <span class="here device">device</span>}
              </td>
              <td>
                <Who who={d.owner} />
              </td>
              <td>{d.holds}</td>
              <td>{d.holds === "empty" ? "" : hex(d.addr)}</td>
              <td>{d.holds === "empty" ? "" : d.len}</td>
              <td>{d.holds === "empty" ? "" : d.id}</td>
              <td>{d.availBit}</td>
              <td>{d.usedBit}</td>
              <td>
                {descriptorFlags(d.flags).join(" ")}
                {d.table.length > 0 && ` (${d.table.length} in a table)`}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
