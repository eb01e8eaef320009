import type { Evidence } from "../../report.ts";
import type { Rule, Watcher } from "../../rule.ts";
import { waitForGraph, type WaitGraph } from "./wait_graph.ts";
import { changes } from "../memory/support.ts";
import { Waiting } from "./waiting.ts";

/** The graph as evidence: one entry for each party, what it waits for behind it. */
function evidenceOf(graph: WaitGraph): Evidence[] {
  return graph.nodes.map(({ id, facts }) => {
    const waits = graph.edges.filter((e) => e.from === id).map((e) => `waits for ${e.to}: ${e.why}`);
    return { what: id, value: [...facts, ...waits].join("; ") || "not here" };
  });
}

/** What is most likely the matter. */
const cause = (graph: WaitGraph): string =>
  graph.causes.length > 0
    ? graph.causes.slice(0, 3).join("; ")
    : "no task waits for anything, and no device has anything to do";

/** Nothing could ever wake the machine. */
export const STUCK_MACHINE: Rule = {
  id: "stuck-machine",
  clauses: [],
  level: "violation",
  section: "no clause: a machine that waits for ever",
  title: "Somebody can always go on: a machine does not wait for what never comes",
  hint:
    "Follow the graph from the task that should go on: what it waits for, which queue that comes from, and who has to " +
    "act there.",
  watch(scene) {
    const waiting = new Waiting(scene);
    return waiting.watcher({
      end(how) {
        if (how !== "stuck") return;
        const graph = waitForGraph(waiting);
        scene.report({
          found: `the machine is stuck: ${cause(graph)}`,
          expected: "an event that wakes somebody",
          evidence: evidenceOf(graph),
          place: [],
        });
      },
    });
  },
};

/** The same value is read this often before the driver counts as spinning. The shipped drivers give up earlier. */
const SPINS = 200_000;

/** Places that a driver looks at in turn, at most. */
const PLACES = 64;

/** A driver that looks at the same places for ever. */
export const SPINNING_DRIVER: Rule = {
  id: "spinning-driver",
  clauses: [],
  level: "warning",
  section: "no clause: a driver that waits for ever",
  title: "A driver that waits for a device gives up at some time",
  hint:
    "Count the looks, or watch the clock, and report an error. Then ask why the device does not answer: was it notified?",
  watch(scene) {
    const waiting = new Waiting(scene);
    /** What was read last, by address, since there was news. */
    const known = new Map<number, number | undefined>();
    let looks = 0;
    const news = () => {
      known.clear();
      looks = 0;
    };
    const look = (at: number, got: number | undefined, where: () => string) => {
      if (known.has(at) && known.get(at) !== got || known.size > PLACES) news();
      if (!known.has(at)) {
        known.set(at, got);
        return;
      }
      if (++looks !== SPINS) return;
      const graph = waitForGraph(waiting);
      scene.report({
        found: `the driver read ${where()} ${SPINS} times, and nothing changed: ${cause(graph)}`,
        expected: "an end of waiting",
        evidence: evidenceOf(graph),
      });
    };
    const spin: Watcher = {
      access(access) {
        const where = () => `${access.register ?? access.space} of ${access.device.name}`;
        if (!access.write) look(access.address, access.value, where);
      },
      read({ address, value, part }) {
        if (part !== undefined) look(address, value, () => `the ${part.area} area of ${part.queue.name}`);
      },
      write(write) {
        if (changes(scene, write)) news();
      },
      used: news,
      interrupt: news,
      idle: news,
    };
    return waiting.watcher(spin);
  },
};
