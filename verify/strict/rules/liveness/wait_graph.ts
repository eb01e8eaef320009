import { statusNames } from "../../../../spec/virtio/status.ts";
import type { QueueModel } from "../../model/queue.ts";
import { plural } from "../memory/support.ts";
import { type Cause, causesOf, deviceCauses, LIGHT, lineCause, resetCauses } from "./causes.ts";
import type { Waiting } from "./waiting.ts";

/** A party that waits, or is waited for. Plain data: `JSON.stringify` gives the graph as JSON. */
export interface WaitNode {
  /** Unique in its graph: `task shell`, `virtio-rng-pci.0 queue 0`, `line 10`. */
  readonly id: string;
  readonly kind: "task" | "event" | "queue" | "device" | "line";
  /** What is known of it, in short sentences. */
  readonly facts: readonly string[];
}
/** `from` waits for `to`. */
export interface WaitEdge {
  readonly from: string;
  readonly to: string;
  readonly why: string;
}
/** Who waits for whom. */
export interface WaitGraph {
  /** Virtual nanoseconds. */
  readonly time: number;
  readonly nodes: readonly WaitNode[];
  readonly edges: readonly WaitEdge[];
  /** What most likely is the matter, likeliest first; empty if nothing is odd. */
  readonly causes: readonly string[];
}

/**
 * The wait-for graph of a machine as it stands: tasks and what they wait for, queues with chains in flight and their
 * devices, interrupt lines that are asserted.
 */
export function waitForGraph(waiting: Waiting): WaitGraph {
  const { machine } = waiting;
  const nodes: WaitNode[] = [];
  const edges: WaitEdge[] = [];
  const causes: Cause[] = [];
  for (const [name, { state, on, since }] of waiting.tasks) {
    const id = `task ${name}`;
    nodes.push({ id, kind: "task", facts: [`${state} since ${span(machine.time - since)}`] });
    if (on === "") continue;
    if (!nodes.some((n) => n.id === on)) nodes.push({ id: on, kind: "event", facts: [] });
    edges.push({ from: id, to: on, why: "waits for it" });
    causes.push({ weight: 2, text: `${id} waits for ${on}, which never comes` });
  }
  for (const device of machine.devices) {
    const queues = [...device.queues.values()].filter((q) => q.enabled && q.ring !== undefined);
    if (queues.length === 0 || device.legacy) continue;
    nodes.push({ id: device.name, kind: "device", facts: [`status ${statusNames(device.status)}`] });
    for (const queue of queues) {
      nodes.push({ id: queue.name, kind: "queue", facts: factsOf(waiting, queue) });
      const held = queue.ring!.inFlight.size;
      if (held > 0) {
        edges.push({ from: queue.name, to: device.name, why: `${plural(held, "chain")} in flight` });
      }
      causes.push(...causesOf(waiting, queue));
    }
    causes.push(...deviceCauses(machine, device, queues));
  }
  for (const [line, { device, since }] of waiting.lines) {
    const setting = waiting.apics.line(line);
    const masked = setting === undefined || setting.masked;
    const id = `line ${line}`;
    nodes.push({
      id,
      kind: "line",
      facts: [`asserted since ${span(machine.time - since)}`, masked ? "masked" : "open"],
    });
    if (device !== undefined && !nodes.some((n) => n.id === device.name)) {
      nodes.push({ id: device.name, kind: "device", facts: [`status ${statusNames(device.status)}`] });
    }
    if (device !== undefined) {
      edges.push({ from: device.name, to: id, why: "its interrupt is not acknowledged" });
    }
    causes.push(lineCause(line, masked));
  }
  causes.push(...resetCauses(waiting));
  const heavy = causes.filter((c) => c.weight > LIGHT);
  const told = (heavy.length > 0 ? heavy : causes).sort((a, b) => b.weight - a.weight);
  return { time: machine.time, nodes, edges, causes: told.map((c) => c.text) };
}

/** `1.5 ms`. */
function span(nanoseconds: number): string {
  for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["us", 1e3]] as const) {
    if (nanoseconds >= size) return `${Number((nanoseconds / size).toPrecision(3))} ${unit}`;
  }
  return `${nanoseconds} ns`;
}

function factsOf(waiting: Waiting, queue: QueueModel): string[] {
  const ring = queue.ring!;
  const { time } = waiting.machine;
  const { notifiedAt } = waiting.progress(queue);
  const oldest = Math.min(...[...ring.inFlight.values()].map((c) => c.publishedAt));
  const left = waiting.taken.count(queue);
  return [
    `${plural(ring.inFlight.size, "chain")} in flight` +
    (ring.inFlight.size === 0 ? "" : `, the oldest for ${span(time - oldest)}`),
    `${ring.published} published, ${ring.used} used` +
    (left > 0 ? `, ${left} of them not taken` : ""),
    notifiedAt === undefined ? "never notified" : `notified ${span(time - notifiedAt)} ago`,
  ];
}

/** The graph as lines of text. */
export function graphText(graph: WaitGraph): string[] {
  const lines: string[] = [];
  for (const node of graph.nodes) {
    lines.push(`${node.id}${node.facts.length > 0 ? `: ${node.facts.join("; ")}` : ""}`);
    for (const edge of graph.edges) {
      if (edge.from === node.id) lines.push(`  -> ${edge.to} (${edge.why})`);
    }
  }
  return lines;
}

/** The graph for Graphviz. */
export function graphDot(graph: WaitGraph): string {
  const text = (s: string) => `"${s.replace(/(["\\])/g, "\\$1").replaceAll("\n", " ")}"`;
  const shapes = {
    task: "ellipse",
    event: "plaintext",
    queue: "box",
    device: "component",
    line: "diamond",
  } as const;
  const nodes = graph.nodes.map((n) =>
    `  ${text(n.id)} [shape=${shapes[n.kind]}, label=${text([n.id, ...n.facts].join(", "))}];`
  );
  const edges = graph.edges.map((e) => `  ${text(e.from)} -> ${text(e.to)} [label=${text(e.why)}];`);
  return ["digraph waiting {", ...nodes, ...edges, "}", ""].join("\n");
}
