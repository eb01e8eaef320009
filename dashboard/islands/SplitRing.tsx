import { useSignal } from "@preact/signals";
import { QueuePicker, useRing } from "../components/choice.tsx";
import { Nothing, Scroll, View, Who } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import { hex, times } from "../lib/views/numbers.ts";
import { descriptorFlags } from "../lib/views/rings.ts";
import {
  type Chain,
  type RingEntry,
  type SplitDescriptor,
  type SplitRing as Seen,
  splitRing,
} from "../lib/views/split_ring.ts";

/** Rows of a table that are shown unless all are asked for. */
const FEW = 32;
/** Height of a row in the style sheet, in units of `--row`. */
const ROW = 24;

const EXPLAIN =
  "The driver describes buffers in the descriptor table and puts the first descriptor of each chain into the " +
  "available ring; the device puts it into the used ring when it is done. Indices only grow: a slot is the index modulo the size.";

/** The split ring: descriptor table with its chains, available and used ring. */
export default function SplitRing() {
  const { read } = session.moment.value;
  const all = useSignal(false);
  const { all: queues, ring } = useRing("split");
  const seen = ring && splitRing(ring, read);
  return (
    <View id="split" title="Split ring" explain={EXPLAIN}>
      {ring === undefined
        ? (
          <Nothing>
            {queues.length > 0
              ? "All queues of this machine are packed rings: see there."
              : "No driver has enabled a queue with a split ring yet: play on, or go to a later moment."}
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
                  <b>{seen.outstanding}</b> of {seen.size} chains with the <Who who="device" />, notified{" "}
                  {times(ring.queue.notifications)}
                </span>
              )}
            </div>
            {seen === undefined ? <Nothing>Memory is on its way.</Nothing> : (
              <>
                <ul class="words">
                  <li>{seen.interrupts}</li>
                  <li>{seen.notifications}</li>
                  {seen.wrong !== "" && <li class="wrong">{seen.wrong}</li>}
                </ul>
                <div class="columns rings">
                  <RingTable
                    title={`Available ring: avail.idx ${seen.availIdx}`}
                    at={ring.queue.driver}
                    by="driver"
                    entries={around(seen.avail, seen.availSlot, all.value)}
                    next={seen.availSlot}
                  />
                  <Descriptors
                    at={ring.queue.desc}
                    rows={some(seen, all.value)}
                    chains={seen.chains}
                    size={seen.size}
                  />
                  <RingTable
                    title={`Used ring: used.idx ${seen.usedIdx}`}
                    at={ring.queue.device}
                    by="device"
                    entries={around(seen.used, seen.usedSlot, all.value)}
                    next={seen.usedSlot}
                  />
                </div>
              </>
            )}
          </>
        )}
    </View>
  );
}

/** Entries shown before the next one. */
const BEFORE = 8;

/** The entries before and behind a slot, in ring order, or all. A ring that has not gone round yet begins at 0. */
function around(entries: readonly RingEntry[], slot: number, all: boolean): readonly RingEntry[] {
  if (all || entries.length <= FEW) return entries;
  const from = slot < BEFORE && entries[entries.length - 1].turn === 0 ? 0 : slot - BEFORE;
  return Array.from({ length: FEW }, (_, i) => entries[(from + i + entries.length) % entries.length]);
}

/** Descriptors around the chain that was made available last, or all. */
function some(ring: Seen, all: boolean): readonly SplitDescriptor[] {
  if (all || ring.size <= FEW) return ring.descriptors;
  const head = ring.avail.find((e) => e.turn === 1)?.head ?? 0;
  const from = Math.min(ring.size - FEW, Math.floor(head / FEW) * FEW);
  return ring.descriptors.slice(from, from + FEW);
}

function RingTable(
  props: { title: string; at: number; by: "driver" | "device"; entries: readonly RingEntry[]; next: number },
) {
  const { title, at, by, entries, next } = props;
  return (
    <Scroll label={title} class="tight">
      <table class={`ring ${by}`}>
        <caption>
          {title} <small class="below">at {hex(at)}, written by the {by}</small>
        </caption>
        <thead>
          <tr>
            <th scope="col">Slot</th>
            <th scope="col">Head</th>
            {by === "device" && <th scope="col">Written</th>}
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {entries.map((e) => (
            <tr key={e.slot} class={`${e.slot === next ? "next" : ""} ${e.open ? "device" : ""}`}>
              <th scope="row">{e.slot}</th>
              <td>{e.turn === 0 ? "" : e.head}</td>
              {by === "device" && <td>{e.turn === 0 ? "" : e.len}</td>}
              <td>
                {e.slot === next && <span class="here">next</span>}{" "}
                {e.open ? "with device" : e.turn === 1 ? "newest" : unused(e, next)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** The next slot says no more, so that the column stays narrow. */
const unused = (e: RingEntry, next: number) => e.turn === 0 && e.slot !== next ? "unused" : "";

function Descriptors(
  props: { at: number; rows: readonly SplitDescriptor[]; chains: readonly Chain[]; size: number },
) {
  const { at, rows, chains, size } = props;
  const place = new Map(rows.map((d, i) => [d.index, i]));
  const links = rows.filter((d) => d.head >= 0 && d.next >= 0 && place.has(d.next)).map((d) =>
    [place.get(d.index)!, place.get(d.next)!] as const
  );
  return (
    <Scroll label="Descriptor table" class="tight">
      <div class="linked">
        <table class="descriptors">
          <caption>
            Descriptor table at {hex(at)}{" "}
            <small>
              {rows.length < size
                ? `${rows[0].index} to ${rows[rows.length - 1].index} of ${size}`
                : `${size} descriptors`}
            </small>
          </caption>
          <thead>
            <tr>
              <th scope="col" class="links">
                <span class="unseen">Links</span>
              </th>
              <th scope="col">#</th>
              <th scope="col">Owner</th>
              <th scope="col">Buffer</th>
              <th scope="col">Length</th>
              <th scope="col">Flags</th>
              <th scope="col">Next</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((d) => (
              <tr key={d.index} class={d.owner === "device" ? "device" : ""}>
                <td class="links" />
                <th scope="row">{d.index}</th>
                <td>
                  <Who who={d.owner} />
                </td>
                <td>{d.addr === 0 && d.len === 0 ? "" : hex(d.addr)}</td>
                <td>{d.len || ""}</td>
                <td>{descriptorFlags(d.flags).join(" ")}</td>
                <td>{d.next >= 0 ? d.next : ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <svg
          class="arcs"
          aria-hidden="true"
          viewBox={`0 0 20 ${ROW * rows.length}`}
          preserveAspectRatio="none"
          style={{ height: `calc(var(--row) * ${rows.length})` }}
        >
          {links.map(([a, b]) => {
            const y = ROW * (a + .5), z = ROW * (b + .5), bend = Math.max(2, 16 - Math.abs(a - b) * 3);
            return <path key={a} d={`M19 ${y} C${bend} ${y} ${bend} ${z} 17 ${z} m-4 -3 l5 3 l-5 3`} />;
          })}
        </svg>
      </div>
      <Tables chains={chains} />
    </Scroll>
  );
}

/** What indirect tables hold. */
function Tables(props: { chains: readonly Chain[] }) {
  const indirect = props.chains.filter((c) => c.table.length > 0).slice(0, 8);
  return (
    <>
      {indirect.map((c) => (
        <table key={c.head} class="indirect">
          <caption>Indirect table of descriptor {c.slots.at(-1)}</caption>
          <thead>
            <tr>
              <th scope="col">Entry</th>
              <th scope="col">Buffer</th>
              <th scope="col">Length</th>
              <th scope="col">The device</th>
            </tr>
          </thead>
          <tbody>
            {c.table.map((t) => (
              <tr key={t.index}>
                <th scope="row">{t.index}</th>
                <td>{hex(t.addr)}</td>
                <td>{t.len}</td>
                <td>{t.write ? "writes it" : "reads it"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ))}
    </>
  );
}
