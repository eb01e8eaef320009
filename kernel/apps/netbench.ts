/** Measures the network: how much goes through, and how long an answer takes. Times are the machine's. */
import { sleep, type Task } from "../executor.ts";
import type { Kernel } from "../kernel.ts";
import { type Net, SocketError, type TcpSocket } from "../net/mod.ts";
import { echoDatagrams } from "./echo.ts";
import {
  AppUsageError,
  endpointText,
  numberArgument,
  onInterrupt,
  placesOf,
  portArgument,
} from "./support.ts";

const CHUNK = 65_536, MIB = 2 ** 20;
/** Round trips that are timed, and bytes of each. */
const TRIPS = 1000, TRIP_SIZE = 64;
/** Datagrams under way: no more than cards have buffers. */
const WINDOW = 64, DATAGRAM = 1024, PATIENCE = 10e9, UDP_PATIENCE = 0.5e9;
/** The first byte that a client sends says what it wants. */
const SINK = 0x53, SOURCE = 0x4f, ECHO = 0x45;

/** `netbench server [PORT]` waits for clients; `netbench HOST[:PORT] [tcp|udp|all] [MIB]` is one; alone it measures loopback. */
export function* netbench(kernel: Kernel, args: readonly string[]): Task<number> {
  if (args[0] === "server") return yield* server(kernel, portArgument(args[1]));
  const [host = "127.0.0.1", portText] = (args[0] ?? "").split(":").filter((part) => part !== "");
  const port = portArgument(portText), what = args[1] ?? "all";
  if (!["tcp", "udp", "all"].includes(what)) throw new AppUsageError(`tcp, udp or all, not '${what}'`);
  const mib = numberArgument(args[2], "the number of MiB", 16, 1, 4096);
  const { net, console } = kernel.parts;
  const out = (line: string) => console.write(line + "\n");
  const own = args.length === 0 ? yield* openServer(net, port) : undefined;
  try {
    const [address] = yield* net.resolver.getaddrinfo(host);
    const to = { address, port };
    out(`netbench with ${endpointText(to)}`);
    if (what !== "udp") yield* tcpClient(kernel, to, mib * MIB, out);
    if (what !== "tcp") yield* udpClient(kernel, to, mib * MIB, out);
    return 0;
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    out(`netbench: ${error.message}`);
    return 1;
  } finally {
    own?.();
  }
}

function* server(kernel: Kernel, port: number): Task<number> {
  const { net, console, executor } = kernel.parts;
  let stopped = false;
  const close = yield* openServer(net, port);
  console.write(`netbench server: ${placesOf(kernel, port)}\n`);
  const watch = onInterrupt(kernel, () => stopped = true);
  while (!stopped) yield* sleep(executor, 50e6);
  watch.cancel();
  close();
  return 0;
}

/** Listens in the background; the function returned ends that. */
// deno-lint-ignore require-yield
function* openServer(net: Net, port: number): Task<() => void> {
  const tcp = net.stream(), udp = net.dgram();
  tcp.setsockopt("SO_REUSEADDR", true);
  tcp.bind({ address: 0, port });
  tcp.listen();
  udp.bind({ address: 0, port });
  udp.setsockopt("SO_RCVBUF", 4 * MIB);
  const tasks = [
    net.executor.spawn("netbench tcp", acceptAll(net, tcp)),
    net.executor.spawn("netbench udp", echoDatagrams(udp)),
  ];
  return () => {
    for (const task of tasks) task.cancel();
    tcp.close();
    udp.close();
  };
}

function* acceptAll(net: Net, listener: TcpSocket): Task<void> {
  for (;;) net.executor.spawn("netbench client", serveClient(yield* listener.accept()));
}

function* serveClient(client: TcpSocket): Task<void> {
  const buffer = new Uint8Array(CHUNK);
  try {
    client.setsockopt("TCP_NODELAY", true);
    client.setsockopt("SO_RCVTIMEO", 30e9);
    client.setsockopt("SO_SNDTIMEO", 30e9);
    let n = yield* client.recv(buffer.subarray(0, 1));
    if (n === 0) return;
    const wanted = buffer[0];
    if (wanted === SOURCE) {
      // Until the client has enough, and hangs up.
      for (;;) yield* client.send(buffer);
    }
    while ((n = yield* client.recv(buffer)) > 0) {
      if (wanted === ECHO) yield* client.send(buffer.subarray(0, n));
    }
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
  } finally {
    client.close();
  }
}

type To = { readonly address: number; readonly port: number };
type Out = (line: string) => void;

function* tcpClient(kernel: Kernel, to: To, size: number, out: Out): Task<void> {
  const { net, executor } = kernel.parts;
  const buffer = new Uint8Array(CHUNK);
  function* open(kind: number): Task<TcpSocket> {
    const socket = net.stream();
    socket.setsockopt("TCP_NODELAY", true);
    socket.setsockopt("SO_RCVTIMEO", PATIENCE);
    socket.setsockopt("SO_SNDTIMEO", PATIENCE);
    yield* socket.connect(to);
    yield* socket.send(Uint8Array.of(kind));
    return socket;
  }
  const sink = yield* open(SINK);
  let start = executor.now();
  for (let sent = 0; sent < size;) sent += yield* sink.send(buffer.subarray(0, Math.min(CHUNK, size - sent)));
  sink.shutdown("SHUT_WR");
  // The other side's end says that everything has arrived.
  while ((yield* sink.recv(buffer)) > 0);
  out(`tcp send    ${rate(size, executor.now() - start)}`);
  sink.close();

  const source = yield* open(SOURCE);
  start = executor.now();
  for (let got = 0; got < size;) {
    const n = yield* source.recv(buffer);
    if (n === 0) throw new SocketError("ECONNRESET", "netbench");
    got += n;
  }
  out(`tcp receive ${rate(size, executor.now() - start)}`);
  source.setsockopt("SO_LINGER", 0);
  source.close();

  const echo = yield* open(ECHO);
  const times: number[] = [];
  for (let i = 0; i < TRIPS; i++) {
    const sent = executor.now();
    yield* echo.send(buffer.subarray(0, TRIP_SIZE));
    for (let got = 0; got < TRIP_SIZE;) got += yield* echo.recv(buffer);
    times.push(executor.now() - sent);
  }
  echo.close();
  out(`tcp round trips, ${TRIP_SIZE} bytes: ${spread(times)}`);
}

function* udpClient(kernel: Kernel, to: To, size: number, out: Out): Task<void> {
  const { net, executor } = kernel.parts;
  const socket = net.dgram(), buffer = new Uint8Array(DATAGRAM);
  socket.connect(to);
  socket.setsockopt("SO_RCVBUF", 4 * MIB);
  socket.setsockopt("SO_RCVTIMEO", UDP_PATIENCE);
  const times: number[] = [];
  for (let i = 0; i < TRIPS; i++) {
    const sent = executor.now();
    yield* socket.send(buffer.subarray(0, TRIP_SIZE));
    if (yield* got()) times.push(executor.now() - sent);
  }
  out(`udp round trips, ${TRIP_SIZE} bytes: ${spread(times)}, ${TRIPS - times.length} lost`);
  const count = Math.ceil(size / DATAGRAM), start = executor.now();
  let sent = 0, back = 0, under = 0, last = start;
  while (back < count && (sent < count || under > 0)) {
    for (; under < WINDOW && sent < count; sent++, under++) yield* socket.send(buffer);
    if (yield* got()) {
      back++;
      under--;
      last = executor.now();
    } else under = 0;
  }
  socket.close();
  const lost = `${count - back} of ${count} lost`;
  out(`udp there and back, ${DATAGRAM} bytes: ${rate(back * DATAGRAM, last - start)}, ${lost}`);

  function* got(): Task<boolean> {
    try {
      yield* socket.recv(buffer);
      return true;
    } catch (error) {
      if (error instanceof SocketError && error.code === "EAGAIN") return false;
      throw error;
    }
  }
}

function rate(bytes: number, ns: number): string {
  const text = `${(bytes / MIB).toFixed(1)} MiB in ${(ns / 1e6).toFixed(2)} ms`;
  return ns > 0 ? `${text}: ${(bytes / MIB / (ns / 1e9)).toFixed(1)} MiB/s` : text;
}

/** Median and tail of times in nanoseconds. */
function spread(times: number[]): string {
  if (times.length === 0) return "none came back";
  const sorted = times.toSorted((a, b) => a - b);
  const at = (part: number) =>
    (sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] / 1e3).toFixed(1);
  return `median ${at(0.5)} µs, 99 % ${at(0.99)} µs`;
}
