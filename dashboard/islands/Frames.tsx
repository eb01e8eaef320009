import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { RefObject } from "preact";
import { useInSight } from "../components/sight.ts";
import { Nothing, Scroll, View } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import type { EventRow } from "../lib/protocol.ts";
import { decodeFrame, hexBytes, pcapFile } from "../lib/views/frames.ts";
import { dump } from "../lib/views/memory.ts";
import { count, time } from "../lib/views/numbers.ts";

/** Bytes in a line of the dump. */
const WIDTH = 8;
/** Frames before the moment that are listed. */
const MOST = 200;
/** Events that one question brings at most. */
const PIECE = 5000;
const FILTERS = [{ step: "frame" as const }];
const EXPLAIN =
  "What goes over the wire between the guest's network card and the network around it: each frame is taken apart " +
  "from the outside in, Ethernet first.";

/** Frames up to the moment, decoded, and all of them as a pcap file. */
export default function Frames() {
  const { state } = session.moment.value;
  const rows = useSignal<readonly EventRow[]>([]);
  const chosen = useSignal(-1);
  const busy = useSignal(false);
  const total = (state.counts.frame_in ?? 0) + (state.counts.frame_out ?? 0);
  const run = session.run.value;
  useEffect(() => {
    let current = true;
    void lastFrames(state.at, total).then((found) => current && (rows.value = found));
    return () => current = false;
  }, [total, run]);
  const shown = rows.value.filter((r) => r.at <= state.at);
  const frame = shown.find((r) => r.at === chosen.value) ?? shown.at(-1);
  const sight = useInSight(frame?.at);
  const save = async () => {
    busy.value = true;
    try {
      await download();
    } finally {
      busy.value = false;
    }
  };
  return (
    <View id="frames" title="Frames" explain={EXPLAIN}>
      <div class="bar">
        <button
          type="button"
          id="pcap"
          disabled={busy.value || session.progress.value.length === 0}
          onClick={() => void save()}
        >
          Download pcap
        </button>
        <span>
          {count(total)}{" "}
          frames so far{shown.length < total && total > 0 && ` (the last ${shown.length} are listed)`}
        </span>
      </div>
      {frame === undefined
        ? <Nothing>No frame has been sent or received yet.</Nothing>
        : (
          <div class="columns">
            <Scroll label="List of frames" class="double tight">
              <table>
                <caption class="unseen">Frames, oldest first</caption>
                <thead>
                  <tr>
                    <th scope="col">Event</th>
                    <th scope="col">Time</th>
                    <th scope="col">Way</th>
                    <th scope="col">From, to</th>
                    <th scope="col">Protocol</th>
                    <th scope="col">Says</th>
                  </tr>
                </thead>
                <tbody>
                  {shown.map((r) => (
                    <Line
                      key={r.at}
                      row={r}
                      chosen={r === frame}
                      sight={r === frame ? sight : undefined}
                      choose={() => chosen.value = r.at}
                    />
                  ))}
                </tbody>
              </table>
            </Scroll>
            <Details row={frame} />
          </div>
        )}
    </View>
  );
}

const bytesOf = (row: EventRow) => hexBytes("hex" in row.event ? row.event.hex : "");

function Line(
  props: { row: EventRow; chosen: boolean; sight?: RefObject<HTMLTableRowElement>; choose: () => void },
) {
  const { row, chosen, sight, choose } = props;
  const f = decodeFrame(bytesOf(row));
  return (
    <tr ref={sight} class={chosen ? "now" : ""} onClick={choose}>
      <th scope="row">
        <button type="button" class="link" aria-pressed={chosen} onClick={choose}>{row.at}</button>
      </th>
      <td>{time(row.t)}</td>
      <td>{row.event.ev === "frame_in" ? "→ guest" : "guest →"}</td>
      <td>
        {f.from} <small class="below">to {f.to}</small>
      </td>
      <td>{f.protocol}</td>
      <td class="wrap">{f.wrong !== "" ? <span class="wrong">{f.wrong}</span> : f.summary}</td>
    </tr>
  );
}

function Details(props: { row: EventRow }) {
  const bytes = bytesOf(props.row);
  const f = decodeFrame(bytes);
  const lines = dump(0, Math.ceil(bytes.length / WIDTH), (_at, length) => {
    const padded = new Uint8Array(length);
    padded.set(bytes);
    return padded;
  }, WIDTH)!;
  return (
    <Scroll label="Chosen frame" class="tight">
      <h3>
        Frame of event {props.row.at} <small>{f.length} bytes</small>{" "}
        <button type="button" class="link" onClick={() => session.go(props.row.at)}>go there</button>
      </h3>
      {f.layers.map((l) => (
        <table key={l.name}>
          <caption>{l.name}</caption>
          <tbody>
            {l.fields.map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class="wrap">{value}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ))}
      <table class="dump mono">
        <caption>Bytes</caption>
        <tbody>
          {lines.slice(0, 200).map((l) => (
            <tr key={l.at}>
              <th scope="row">{l.at.toString(16).padStart(4, "0")}</th>
              <td>{l.hex.join(" ")}</td>
              <td>{l.text.slice(0, bytes.length - l.at)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** The last frames up to a moment: walks back from one to the one before. */
async function lastFrames(at: number, total: number): Promise<readonly EventRow[]> {
  const { first } = session.progress.value;
  let from = first;
  if (total > MOST) {
    // Not all are wanted: their numbers are cheap, and the last of them are fetched.
    const numbers: number[] = [];
    for (let next = first; next <= at;) {
      const found = (await session.call("matches", { filters: FILTERS, from: next, most: 100_000 }))?.numbers;
      if (found === undefined || found.length === 0) break;
      for (const n of found) if (n <= at) numbers.push(n);
      next = found[found.length - 1] + 1;
      if (found.length < 100_000) break;
    }
    from = numbers.at(-MOST) ?? first;
  }
  return await session.rows(FILTERS, from, at + 1, MOST);
}

/** All frames of the recording as a file. */
async function download(): Promise<void> {
  const frames: { t: number; bytes: Uint8Array }[] = [];
  const { first, length } = session.progress.value;
  for (let from = first; from < length;) {
    const rows = await session.rows(FILTERS, from, length, PIECE);
    for (const r of rows) frames.push({ t: r.t, bytes: bytesOf(r) });
    if (rows.length < PIECE) break;
    from = rows[rows.length - 1].at + 1;
  }
  const url = URL.createObjectURL(new Blob([pcapFile(frames)], { type: "application/vnd.tcpdump.pcap" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "pagurus.pcap";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
