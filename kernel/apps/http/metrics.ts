/** What has happened so far, in Prometheus' text format (version 0.0.4). */
import type { Kernel } from "../../kernel.ts";

type Sample = readonly [labels: Readonly<Record<string, string | number>>, value: number];

/** The text of `/metrics`. */
export function metrics(kernel: Kernel): string {
  const lines: string[] = [];
  const family = (name: string, type: "counter" | "gauge", help: string, samples: readonly Sample[]) => {
    lines.push(`# HELP pagurus_${name} ${help}`, `# TYPE pagurus_${name} ${type}`);
    for (const [labels, value] of samples) {
      const list = Object.entries(labels).map(([k, v]) => `${k}="${v}"`).join(",");
      lines.push(`pagurus_${name}${list === "" ? "" : `{${list}}`} ${value}`);
    }
  };
  queues(kernel, family);
  interfaces(kernel, family);
  protocols(kernel, family);
  return lines.join("\n") + "\n";
}

type Family = (name: string, type: "counter" | "gauge", help: string, samples: readonly Sample[]) => void;

function queues(kernel: Kernel, family: Family): void {
  const { drivers, interrupts } = kernel.parts;
  const all = drivers.all.flatMap((device, number) =>
    device.queues().map((q) => ({ q, labels: { device: device.name, number, queue: q.index } }))
  );
  family(
    "queue_notifications_total",
    "counter",
    "Notifications sent to the device.",
    all.map(({ q, labels }) => [labels, q.notifications]),
  );
  family(
    "queue_free_descriptors",
    "gauge",
    "Descriptors that are free.",
    all.map(({ q, labels }) => [labels, q.free]),
  );
  family(
    "queue_in_flight",
    "gauge",
    "Chains that the device has.",
    all.map(({ q, labels }) => [labels, q.inFlight.length]),
  );
  family("queue_size", "gauge", "Descriptors of the ring.", all.map(({ q, labels }) => [labels, q.size]));
  family(
    "interrupts_total",
    "counter",
    "Interrupts taken.",
    interrupts.statistics().map((s) => [{ vector: s.vector, name: s.name }, s.count]),
  );
}

function interfaces(kernel: Kernel, family: Family): void {
  const { interfaces } = kernel.parts.net.stack;
  const each = (pick: (c: typeof interfaces[number]["counters"]) => number): Sample[] =>
    interfaces.map((i) => [{ interface: i.name }, pick(i.counters)]);
  family("net_receive_frames_total", "counter", "Frames received.", each((c) => c.rxFrames));
  family("net_receive_bytes_total", "counter", "Bytes of frames received.", each((c) => c.rxBytes));
  family("net_receive_dropped_total", "counter", "Frames that were not for us.", each((c) => c.rxDropped));
  family("net_transmit_frames_total", "counter", "Frames sent.", each((c) => c.txFrames));
  family("net_transmit_bytes_total", "counter", "Bytes of frames sent.", each((c) => c.txBytes));
  family("net_transmit_dropped_total", "counter", "Frames given up.", each((c) => c.txDropped));
  family("net_transmit_refused_total", "counter", "How often the card was full.", each((c) => c.txRefused));
}

function protocols(kernel: Kernel, family: Family): void {
  const { net, platform, frames } = kernel.parts, { stack } = net;
  const events = (counters: object): Sample[] =>
    Object.entries(counters).map(([event, count]) => [{ event }, count as number]);
  family("tcp_events_total", "counter", "What TCP has counted.", events(stack.tcp.counters));
  family("tcp_retransmitted_segments_total", "counter", "Segments sent again.", [[
    {},
    stack.tcp.counters.retransmitted,
  ]]);
  family("udp_events_total", "counter", "What UDP has counted.", events(stack.udp.counters));
  family("icmp_events_total", "counter", "What ICMP has counted.", events(stack.icmp.counters));
  family(
    "ip_receive_events_total",
    "counter",
    "What IP has counted of packets received.",
    events(stack.input.counters),
  );
  family(
    "ip_transmit_events_total",
    "counter",
    "What IP has counted of packets sent.",
    events(stack.output.counters),
  );
  const states = new Map<string, number>();
  for (const { state } of stack.tcp.connections) states.set(state, (states.get(state) ?? 0) + 1);
  family(
    "tcp_connections",
    "gauge",
    "Connections by state.",
    Array.from(states, ([state, n]) => [{ state }, n]),
  );
  const sockets = new Map<string, number>();
  for (const { protocol } of net.sockets) sockets.set(protocol, (sockets.get(protocol) ?? 0) + 1);
  family(
    "sockets",
    "gauge",
    "Open sockets by protocol.",
    Array.from(sockets, ([protocol, n]) => [{ protocol }, n]),
  );
  family("tcp_buffer_bytes", "gauge", "Bytes in the buffers of all connections.", [[{}, stack.tcp.memory]]);
  family("tasks", "gauge", "Tasks that have not ended.", [[{}, kernel.parts.executor.tasks().length]]);
  family("free_memory_bytes", "gauge", "Frames that are free.", [[{}, frames.freeBytes()]]);
  family("uptime_seconds", "gauge", "Machine time.", [[{}, platform.now() / 1e9]]);
}
