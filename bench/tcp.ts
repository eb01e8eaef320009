/**
 * TCP against itself, two machines in one process: bytes, round trips and connections a second, bytes a connection.
 * Between them is a queue of standing buffers, so that a segment costs one copy more, as a virtqueue would.
 *
 *     deno run -A bench/tcp.ts                    all rows, one process each
 *     deno run -A bench/tcp.ts bulk 1500 sums     one row: median of 7 runs
 *
 * Each row by the clock on the wall, and by the CPU time of the process: on a machine that others use only the second is
 * worth comparing.
 */
import process from "node:process";
import { Tcp, type TcpConnection, type TcpListener } from "../inet/tcp/mod.ts";

const A = 0x0a000001, B = 0x0a000002, PORT = 80;
const RUNS = 7;
const QUEUE = 256;
/** Nanoseconds of machine time that one round of the loop takes. */
const STEP = 10_000;

/** Segments on their way to one machine. */
class Wire {
  readonly slots: Uint8Array[] = [];
  readonly lengths = new Int32Array(QUEUE);
  head = 0;
  count = 0;

  send(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.count === QUEUE) return false;
    const at = (this.head + this.count) % QUEUE;
    const length = end - start;
    let slot = this.slots[at];
    if (slot === undefined || slot.length < length) {
      slot = this.slots[at] = new Uint8Array(Math.max(2048, length));
    }
    slot.set(bytes.subarray(start, end));
    this.lengths[at] = length;
    this.count++;
    return true;
  }
}

class Pair {
  now = 0;
  readonly a: Tcp;
  readonly b: Tcp;
  private readonly toA = new Wire();
  private readonly toB = new Wire();
  readonly listener: TcpListener;

  constructor(mtu: number, readonly sums: boolean) {
    let seed = 1;
    const make = (wire: Wire) =>
      new Tcp({
        headroom: 34,
        fillsChecksums: !sums,
        send: (_s, _d, bytes, start, end) => wire.send(bytes, start, end),
        random32: () => seed = Math.imul(seed, 1664525) + 1013904223 >>> 0,
        mtu: () => mtu,
      }, { timeWait: 1e6 });
    this.a = make(this.toB);
    this.b = make(this.toA);
    this.listener = this.b.listen({ address: 0, port: PORT }, { backlog: 20_000 })!;
  }

  /** Both machines take what is on the wire, and send. */
  step(): void {
    this.now += STEP;
    this.deliver(this.toA, this.a, B, A);
    this.a.poll(this.now);
    this.deliver(this.toB, this.b, A, B);
    this.b.poll(this.now);
  }
  private deliver(wire: Wire, to: Tcp, source: number, destination: number): void {
    while (wire.count > 0) {
      to.input(source, destination, wire.slots[wire.head], 0, wire.lengths[wire.head], this.now, !this.sums);
      wire.head = (wire.head + 1) % QUEUE;
      wire.count--;
    }
  }
  connect(): TcpConnection {
    return this.a.connect({ address: A, port: 0 }, { address: B, port: PORT }, this.now)!;
  }
  open(): [TcpConnection, TcpConnection] {
    const client = this.connect();
    let server: TcpConnection | undefined;
    while (server === undefined) {
      this.step();
      server = this.listener.accept();
    }
    return [client, server];
  }
}

/** Seconds by the wall, and of the CPU. */
interface Time {
  wall: number;
  cpu: number;
}

function time(run: () => void): Time {
  const start = performance.now(), before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return { wall: (performance.now() - start) / 1e3, cpu: (user + system) / 1e6 };
}

/** How many a second: `run` does `amount` of it. Median of {@link RUNS}, after one that warms up. */
function rate(amount: number, unit: string, run: () => void): string {
  run();
  const times = Array.from({ length: RUNS }, () => time(run));
  const middle = (key: keyof Time) => times.map((t) => t[key]).sort((x, y) => x - y)[RUNS >> 1];
  const show = (seconds: number) => (amount / seconds).toFixed(0).padStart(4);
  return `${show(middle("wall"))} ${unit}, by CPU time ${show(middle("cpu"))}`;
}

/** MB/s of payload in one direction. */
function bulk(mtu: number, sums: boolean, both: boolean): string {
  const pair = new Pair(mtu, sums);
  const [client, server] = pair.open();
  const chunk = new Uint8Array(65536).fill(7), target = new Uint8Array(65536);
  const total = 64 << 20;
  return rate(total * (both ? 2 : 1) / 1e6, "MB/s", () => {
    let there = 0, back = 0;
    while (there < total || both && back < total) {
      while (client.write(chunk) > 0);
      if (both) { while (server.write(chunk) > 0); }
      pair.step();
      for (let n = server.read(target); n > 0; n = server.read(target)) there += n;
      for (let n = client.read(target); n > 0; n = client.read(target)) back += n;
    }
  });
}

/** A byte there and one back. */
function roundTrips(sums: boolean): string {
  const pair = new Pair(1500, sums);
  const [client, server] = pair.open();
  const byte = new Uint8Array(1), target = new Uint8Array(16);
  const COUNT = 50_000;
  return rate(COUNT / 1e3, "k/s", () => {
    for (let i = 0; i < COUNT; i++) {
      client.write(byte);
      do pair.step(); while (server.read(target) === 0);
      server.write(byte);
      do pair.step(); while (client.read(target) === 0);
    }
  });
}

/** Opened, a request and an answer, closed from both sides; 100 at a time. */
function connections(): string {
  const pair = new Pair(1500, true);
  const request = new Uint8Array(80).fill(1),
    answer = new Uint8Array(600).fill(2),
    target = new Uint8Array(2048);
  const COUNT = 10_000, AT_ONCE = 100;
  return rate(COUNT / 1e3, "k/s", () => {
    let begun = 0, done = 0;
    const clients = new Set<TcpConnection>(), servers = new Set<TcpConnection>();
    while (done < COUNT) {
      while (clients.size < AT_ONCE && begun < COUNT) {
        const client = pair.connect();
        client.write(request);
        clients.add(client);
        begun++;
      }
      pair.step();
      for (let s = pair.listener.accept(); s !== undefined; s = pair.listener.accept()) servers.add(s);
      for (const s of servers) {
        if (s.read(target) === 0) continue;
        s.write(answer);
        s.close();
        servers.delete(s);
      }
      for (const c of clients) {
        c.read(target);
        if (!c.ended) continue;
        c.close();
        clients.delete(c);
        done++;
      }
    }
  });
}

/** Heap bytes of an open connection that says nothing, both ends; and what a poll costs among them. */
function idle(): string {
  const COUNT = 10_000;
  const pair = new Pair(1500, true);
  const [first] = pair.open();
  const gc = (globalThis as { gc?: () => void }).gc ?? (() => {});
  gc();
  const before = Deno.memoryUsage().heapUsed;
  const kept: TcpConnection[] = [first];
  while (kept.length < 2 * COUNT) {
    for (let i = 0; i < 100; i++) kept.push(pair.connect());
    for (let i = 0; i < 6; i++) pair.step();
    for (let s = pair.listener.accept(); s !== undefined; s = pair.listener.accept()) kept.push(s);
  }
  gc();
  const bytes = (Deno.memoryUsage().heapUsed - before) / kept.length;
  const { cpu } = time(() => {
    for (let i = 0; i < 100_000; i++) pair.step();
  });
  const ns = cpu * 1e9 / 200_000;
  return `${bytes.toFixed(0)} bytes an end, ${pair.a.memory + pair.b.memory} in buffers; ` +
    `${ns.toFixed(0)} ns of CPU time a poll`;
}

const ROWS: [name: string, run: (...args: string[]) => string, args: string[]][] = [
  ["bulk, MTU 1500, checksums in software", bulkRow, ["bulk", "1500", "sums"]],
  ["bulk, MTU 1500, checksums left to the device", bulkRow, ["bulk", "1500", "none"]],
  ["bulk, MTU 1500, both directions at once, checksums", bulkRow, ["bulk", "1500", "sums", "both"]],
  ["bulk, MTU 65535, checksums", bulkRow, ["bulk", "65535", "sums"]],
  ["round trips of one byte, checksums", () => roundTrips(true), ["trips"]],
  ["connections with a request and an answer", connections, ["connections"]],
  ["10,000 connections that are idle", idle, ["idle"]],
];

function bulkRow(_kind: string, mtu: string, sums: string, both?: string): string {
  return bulk(Number(mtu), sums === "sums", both === "both");
}

async function all(): Promise<void> {
  for (const [name, , args] of ROWS) {
    const child = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--v8-flags=--expose-gc", new URL(import.meta.url).pathname, ...args],
      stderr: "inherit",
    }).output();
    console.log(`${name.padEnd(52)} ${new TextDecoder().decode(child.stdout).trim()}`);
    if (!child.success) Deno.exit(1);
  }
}

if (Deno.args.length === 0) await all();
else {
  const row = ROWS.find(([, , args]) => args.join() === Deno.args.join());
  if (row === undefined) throw new Error(`no row ${Deno.args.join(" ")}`);
  console.log(row[1](...Deno.args));
}
