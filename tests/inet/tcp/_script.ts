/** One TCP machine and a peer played by the test, segment by segment. */
import { assertEquals } from "@std/assert";
import { foldSum, pseudoHeaderSum, sumBytes } from "../../../inet/checksum.ts";
import {
  ACK,
  FIN,
  PSH,
  readTcp,
  RST,
  setTcpChecksum,
  SYN,
  TcpHeader,
  URG,
  writeTcp,
} from "../../../inet/tcp_header.ts";
import {
  type ListenOptions,
  Tcp,
  type TcpConnection,
  type TcpListener,
  type TcpOptions,
} from "../../../inet/tcp/mod.ts";
import { xorshift } from "../_support.ts";

export const US = 0x0a000001, PEER = 0x0a000002;
export const OUR_PORT = 80, PEER_PORT = 4000;
export const MS = 1e6, SECOND = 1e9;
/** The peer's initial sequence number, unless the test says otherwise. */
export const PEER_ISS = 1000;

/** A segment that was sent; sequence numbers are unsigned. */
export interface Sent {
  at: number;
  flags: string;
  seq: number;
  ack: number;
  window: number;
  data: Uint8Array;
  mss: number;
  scale: number;
  sackPermitted: boolean;
  sack: number[];
  ports: [number, number];
}

export interface Send {
  seq: number;
  ack?: number;
  window?: number;
  data?: Uint8Array | number;
  mss?: number;
  scale?: number;
  sackPermitted?: boolean;
  sack?: number[];
  /** By which the payload's bytes are told: default, `seq`. */
  sourcePort?: number;
  source?: number;
}

const LETTERS: [string, number][] = [["S", SYN], ["F", FIN], ["R", RST], ["P", PSH], ["A", ACK], ["U", URG]];

/** Bytes whose values follow from their sequence numbers, so that it shows which ones arrived. */
export function stream(seq: number, length: number): Uint8Array {
  return new Uint8Array(length).map((_, i) => Math.imul(seq + i >>> 0, 0x9e3779b1) >>> 16);
}

export class Script {
  now = 0;
  readonly sent: Sent[] = [];
  /** Whether the host takes segments. */
  open = true;
  mtu = 1500;
  declare readonly tcp: Tcp;
  /** Our initial sequence number, once it was seen; the peer's. */
  iss = 0;

  constructor(options: TcpOptions = {}, random = xorshift(99), now = 0) {
    this.now = now;
    this.tcp = new Tcp({
      headroom: 8,
      random32: random,
      mtu: () => this.mtu,
      send: (source, destination, bytes, start, end) => {
        if (!this.open) return false;
        const sum = pseudoHeaderSum(source, destination, 6, end - start) + sumBytes(bytes, start, end);
        assertEquals(foldSum(sum), 0xffff, "checksum");
        this.record(bytes.slice(start, end));
        return true;
      },
    }, options);
  }

  private record(bytes: Uint8Array): void {
    const h = new TcpHeader();
    assertEquals(readTcp(h, bytes, 0, bytes.length), undefined);
    this.sent.push({
      at: this.now,
      flags: LETTERS.filter(([letter, bit]) => letter !== "P" && (h.flags & bit) !== 0).map(([l]) => l).join(
        "",
      ),
      seq: h.sequence,
      ack: h.acknowledgment,
      window: h.window,
      data: bytes.slice(h.payload),
      mss: h.mss,
      scale: h.windowScale,
      sackPermitted: h.sackPermitted,
      sack: [...h.sack.subarray(0, 2 * h.sackBlocks)],
      ports: [h.sourcePort, h.destinationPort],
    });
  }

  /** The peer's segment, as bytes. */
  static build(flags: string, send: Send): Uint8Array {
    const h = new TcpHeader();
    const data = typeof send.data === "number" ? stream(send.seq, send.data) : send.data ?? new Uint8Array(0);
    h.sourcePort = send.sourcePort ?? PEER_PORT;
    h.destinationPort = OUR_PORT;
    for (const letter of flags) h.flags |= LETTERS.find(([l]) => l === letter)![1];
    h.sequence = send.seq >>> 0;
    h.acknowledgment = (send.ack ?? 0) >>> 0;
    h.window = send.window ?? 65535;
    h.urgent = flags.includes("U") ? 1 : 0;
    h.mss = send.mss ?? 0;
    h.windowScale = send.scale ?? -1;
    h.sackPermitted = send.sackPermitted ?? false;
    h.sackBlocks = (send.sack?.length ?? 0) / 2;
    h.sack.set(send.sack ?? []);
    const bytes = new Uint8Array(60 + data.length);
    const length = writeTcp(h, bytes, 0);
    bytes.set(data, length);
    const segment = bytes.slice(0, length + data.length);
    const source = send.source ?? PEER;
    const sum = pseudoHeaderSum(source, US, 6, segment.length) + sumBytes(segment, 0, segment.length);
    setTcpChecksum(segment, 0, foldSum(sum) ^ 0xffff);
    return segment;
  }

  /** A segment arrives from the peer; then the machine is polled. */
  peer(flags: string, send: Send): void {
    this.peerQuietly(flags, send);
    this.tcp.poll(this.now);
  }
  /** The same without a poll. */
  peerQuietly(flags: string, send: Send): void {
    const bytes = Script.build(flags, send);
    this.tcp.input(send.source ?? PEER, US, bytes, 0, bytes.length, this.now);
  }

  /** Time goes on by `ns`, with a poll whenever one is due. */
  advance(ns: number): void {
    const until = this.now + ns;
    for (let polls = 0;; polls++) {
      if (polls > 100_000) throw new Error("it never comes to rest");
      const next = this.tcp.nextDeadline();
      if (next === undefined || next > until) break;
      this.now = Math.max(this.now, next);
      this.tcp.poll(this.now);
    }
    this.now = until;
  }

  /** The next segment sent must be this. */
  expect(flags: string, wanted: Partial<Omit<Sent, "flags" | "data">> & { length?: number } = {}): Sent {
    const segment = this.sent.shift();
    if (segment === undefined) {
      throw new Error(`nothing was sent; expected ${flags} ${JSON.stringify(wanted)}`);
    }
    const seen: Record<string, unknown> = { ...segment };
    const picked: Record<string, unknown> = { flags: segment.flags };
    for (const key of Object.keys(wanted)) picked[key] = key === "length" ? segment.data.length : seen[key];
    assertEquals(picked, { flags, ...wanted });
    return segment;
  }
  silence(why = "nothing is to be sent"): void {
    assertEquals(
      this.sent.map(({ flags, seq, ack, data }) => ({ flags, seq, ack, length: data.length })),
      [],
      why,
    );
  }

  /** A connection that the peer has opened; nothing is left unsaid. */
  accept(syn: Partial<Send> = {}, listen: ListenOptions = {}): { c: TcpConnection; listener: TcpListener } {
    const listener = this.tcp.listen({ address: US, port: OUR_PORT }, listen)!;
    const seq = syn.seq ?? PEER_ISS;
    this.peer("S", { mss: 1460, sackPermitted: true, scale: 0, ...syn, seq });
    this.iss = this.expect("SA", { ack: seq + 1 >>> 0 }).seq;
    this.peer("A", { seq: seq + 1, ack: this.iss + 1, window: syn.window });
    this.silence();
    const c = listener.accept()!;
    assertEquals(c.state, "ESTABLISHED");
    return { c, listener };
  }
  /** A connection that we have opened. */
  connect(answer: Partial<Send> = {}): TcpConnection {
    const c = this.tcp.connect(
      { address: US, port: OUR_PORT },
      { address: PEER, port: PEER_PORT },
      this.now,
    )!;
    this.tcp.poll(this.now);
    this.iss = this.expect("S").seq;
    this.peer("SA", {
      seq: PEER_ISS,
      mss: 1460,
      sackPermitted: true,
      scale: 0,
      ...answer,
      ack: this.iss + 1,
    });
    this.expect("A", { seq: this.iss + 1 >>> 0, ack: PEER_ISS + 1 });
    assertEquals(c.state, "ESTABLISHED");
    return c;
  }

  write(c: TcpConnection, length: number): void {
    assertEquals(c.write(new Uint8Array(length).fill(length)), length);
    this.tcp.poll(this.now);
  }
  /** Everything that can be read. */
  static read(c: TcpConnection): Uint8Array {
    const bytes = new Uint8Array(c.readable);
    assertEquals(c.read(bytes), bytes.length);
    return bytes;
  }
}
