import { useSignal, useSignalEffect } from "@preact/signals";
import { Nothing, Scroll, View } from "../components/View.tsx";
import { session } from "../lib/app.ts";
import type { EventFilter } from "../lib/protocol.ts";
import { hex, time } from "../lib/views/numbers.ts";
import { type RuleRow, ruleRows, whose } from "../lib/views/rules.ts";

const EXPLAIN =
  "The specification says what a driver must do; devices forgive much of what it does wrong. Each row is " +
  "a rule that was broken: what was found, where it says so, and what to look at.";
/** Reports that are shown. */
const MOST = 500;
/** Bytes of memory that are shown for an address. */
const BYTES = 16;

/** Rules that were broken, each with its evidence; a click leads to the moment. */
export default function Rules() {
  const rows = useSignal<readonly RuleRow[]>([]);
  const chosen = useSignal(-1);
  useSignalEffect(() => {
    const { length } = session.progress.value;
    if (length === 0) return void (rows.value = []);
    const run = session.run.value;
    void session.rows([{ kinds: ["rule"] }], 0, length, MOST).then((found) => {
      if (run === session.run.peek()) rows.value = ruleRows(found);
    });
  });
  const row = rows.value.find((r) => r.at === chosen.value);
  const go = (r: RuleRow) => {
    chosen.value = r.at;
    session.pause();
    session.go(r.cause);
  };
  return (
    <View id="rules" title="Rules" explain={EXPLAIN}>
      {rows.value.length === 0 ? <Nothing>{nothing()}</Nothing> : (
        <Scroll label="Broken rules" class="fit">
          <table>
            <caption class="unseen">Broken rules in the order in which they were seen</caption>
            <thead>
              <tr>
                <th scope="col">Event</th>
                <th scope="col">Time</th>
                <th scope="col">Level</th>
                <th scope="col">Of</th>
                <th scope="col">Found</th>
                <th scope="col">Rule</th>
              </tr>
            </thead>
            <tbody>
              {rows.value.map((r) => (
                <tr key={r.at} class={r.at === chosen.value ? "now" : ""}>
                  <td>
                    <button type="button" aria-pressed={r.at === chosen.value} onClick={() => go(r)}>
                      {r.cause}
                    </button>
                  </td>
                  <td>{time(r.report.time)}</td>
                  <td class={`level-${r.report.level}`}>{r.report.level}</td>
                  <td>{whose(r.report)}</td>
                  <td class="wrap">{r.report.found}</td>
                  <td class="wrap">{r.report.title}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      {row !== undefined && <Detail row={row} />}
    </View>
  );
}

/** Bytes with a space between; nothing while they are on their way. */
const bytes = (b: Uint8Array | undefined) =>
  Array.from(b ?? [], (x) => x.toString(16).padStart(2, "0")).join(" ");

/** Why the table is empty. */
function nothing(): string {
  const strict = session.setup.value?.strict ?? true;
  return session.source.value?.kind === "worker" && !strict
    ? "Rules are not watched: tick “strict rules” in the machine’s form, and boot."
    : "No rule was broken so far, or the machine was started without --strict.";
}

/** One report in full, with what stands in memory at the moment that is shown. */
function Detail({ row: { report } }: { row: RuleRow }) {
  const { read } = session.moment.value;
  const stop = (rule: string) => {
    const filter: EventFilter = { kinds: ["rule"], rule };
    session.breakpoints.value = [...session.breakpoints.value, { filter, on: true }];
  };
  return (
    <article class="report" aria-label="Report">
      <h3>{report.title}</h3>
      <dl>
        <dt>Found</dt>
        <dd>{report.found}</dd>
        <dt>Expected</dt>
        <dd>{report.expected}</dd>
        <dt>Look at</dt>
        <dd>{report.hint}</dd>
      </dl>
      {report.evidence.length > 0 && (
        <Scroll label="Evidence">
          <table>
            <caption>Evidence, and what stands in memory at the moment that is shown</caption>
            <thead>
              <tr>
                <th scope="col">What</th>
                <th scope="col">Address</th>
                <th scope="col">Seen then</th>
                <th scope="col">Memory at this moment</th>
              </tr>
            </thead>
            <tbody>
              {report.evidence.map(({ what, address, value }, i) => (
                <tr key={i}>
                  <th scope="row">{what}</th>
                  <td class="mono">{address === undefined ? "" : hex(address)}</td>
                  <td class="mono wrap">{value}</td>
                  <td class="mono">{address === undefined ? "" : bytes(read(address, BYTES))}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
      <dl>
        <dt>Says so</dt>
        <dd>
          {report.section}
          {report.clauses.map((clause) => (
            <div key={clause}>
              <code>{clause}</code>{" "}
              <button type="button" onClick={() => stop(clause)}>Stop at this clause</button>
            </div>
          ))}
          <div>
            <code>{report.rule}</code>{" "}
            <button type="button" onClick={() => stop(report.rule)}>Stop at this rule</button>
          </div>
        </dd>
        {report.place.length > 0 && (
          <>
            <dt>In the driver</dt>
            <dd>
              {report.place.map((f, i) => (
                <div key={i}>
                  {f.name} <code>{f.file}:{f.line}:{f.column}</code>
                </div>
              ))}
            </dd>
          </>
        )}
        {report.count > 1 && (
          <>
            <dt>Seen</dt>
            <dd>{report.count} times, last at {time(report.lastTime)}</dd>
          </>
        )}
      </dl>
    </article>
  );
}
