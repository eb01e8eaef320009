import { once } from "./once.ts";
import { assert, assertEquals } from "@std/assert";
import { formatAddress } from "../../../inet/addresses.ts";
import type { TcpConnection } from "../../../inet/tcp/mod.ts";
import { FaultLink, NO_FAULTS } from "../../../devices/net/fault_link.ts";
import { type HostNetwork, NO_HOST, UserNetwork, userOptions } from "../../../devices/net/user/mod.ts";
import { FakeListener, FakeStream } from "./fake_stream.ts";
import { GuestTcp, readAll } from "./guest_tcp.ts";
import { Card } from "./support.ts";

const text = (s: string) => new TextEncoder().encode(s);
const shown = (bytes: Uint8Array | number[]) => new TextDecoder().decode(Uint8Array.from(bytes));
const pattern = (length: number, salt: number) =>
  Uint8Array.from({ length }, (_, i) => i * 31 + (i >> 9) + salt);

function setUp(words: Record<string, string> = {}, host: Partial<HostNetwork> = {}, faults = NO_FAULTS) {
  const log: string[] = [];
  const listener = new FakeListener();
  const options = userOptions("", words, ["tcp::1-:80"]);
  const network = new UserNetwork(
    "n0",
    options,
    { ...NO_HOST, ...host },
    [listener],
    (line) => log.push(line),
  );
  const card = new Card(faults === NO_FAULTS ? network : new FaultLink(network, faults), 5);
  const guest = new GuestTcp(card);
  return { network, card, guest, listener, log };
}
/** A host to which the guest connects: its streams by target. */
function dialled(state: FakeStream["state"] = "connecting") {
  const streams = new Map<string, FakeStream>();
  const host: Partial<HostNetwork> = {
    connect(address, port) {
      const stream = new FakeStream(state);
      streams.set(`${formatAddress(address)}:${port}`, stream);
      return stream;
    },
  };
  return { streams, host };
}

once("the guest connects: no answer before the host has one, then bytes both ways, then both ends", () => {
  const { streams, host } = dialled();
  const { guest, network } = setUp({}, host);
  const c = guest.connect("10.0.2.2:7");
  guest.run();
  assertEquals([c.state, [...streams.keys()], network.connections], ["SYN-SENT", ["127.0.0.1:7"], 1]);
  const stream = streams.get("127.0.0.1:7")!;
  stream.change("open");
  guest.run();
  assertEquals(c.state, "ESTABLISHED");
  c.write(text("to the host"));
  stream.arrive(text("to the guest"));
  guest.run();
  assertEquals([shown(readAll(c)), shown(stream.sent)], ["to the guest", "to the host"]);
  c.shutdownWrite();
  guest.run();
  assertEquals([stream.ended, c.ended], [true, false], "half closed");
  stream.arrive(text("last words"));
  stream.finish();
  guest.run();
  assertEquals([shown(readAll(c)), c.ended, network.connections], ["last words", true, 0]);
});

once(
  "other addresses are reached as they are; a port that is closed, and what is not allowed, is refused",
  () => {
    const { streams, host } = dialled();
    const { guest, network, log } = setUp({}, host);
    const out = guest.connect("192.0.2.9:443");
    guest.run();
    streams.get("192.0.2.9:443")!.change("failed");
    guest.run();
    assertEquals([out.state, out.error, network.connections], ["CLOSED", "refused", 0]);
    const inside = guest.connect("10.0.2.77:80");
    guest.run();
    assertEquals([inside.error, streams.size, log], ["refused", 1, []]);

    const none = setUp();
    const c = none.guest.connect("10.0.2.2:22");
    none.guest.run();
    assertEquals([c.error, none.log], ["refused", ["netdev 'n0': the guest may not reach tcp 127.0.0.1:22"]]);

    const restricted = setUp({ restrict: "on" }, host);
    const r = restricted.guest.connect("10.0.2.2:80");
    restricted.guest.run();
    assertEquals([r.error, streams.has("127.0.0.1:80"), restricted.log], ["refused", false, []]);
  },
);

/** The guest's server on port 80. */
function serve({ guest }: { guest: GuestTcp }) {
  const accepted: TcpConnection[] = [];
  const server = guest.tcp.listen({ address: 0, port: 80 })!;
  server.onChange = () => {
    for (let c = server.accept(); c !== undefined; c = server.accept()) accepted.push(c);
  };
  return accepted;
}

once(
  "hostfwd: a connection of the host's own is seen as the gateway's, others as they are, with their ports",
  () => {
    const net = setUp({ restrict: "on" });
    const accepted = serve(net);
    net.listener.arrive(new FakeStream("open", 5555));
    net.listener.arrive(new FakeStream("open", 5555, 0xc6336407));
    net.listener.arrive(new FakeStream("open", 5555, 0x7f000005)); // the same port on another loopback address
    net.guest.run();
    const from = accepted.map((c) => `${formatAddress(c.remote.address)}:${c.remote.port}`);
    assertEquals(from.slice(0, 2), ["10.0.2.2:5555", "198.51.100.7:5555"]);
    assert(/^10\.0\.2\.2:\d+$/.test(from[2]) && from[2] !== from[0]);
    assertEquals(accepted.every((c) => c.local.port === 80), true);
  },
);

once("hostfwd: nobody listens in the guest, or it resets, or the host does: the other side learns it", () => {
  const net = setUp();
  const early = new FakeStream();
  net.listener.arrive(early);
  net.guest.run();
  assertEquals([early.aborted, net.network.connections], [true, 0]);
  const accepted = serve(net);
  const [a, b] = [new FakeStream("open", 1001), new FakeStream("open", 1002)];
  net.listener.arrive(a);
  net.listener.arrive(b);
  net.guest.run();
  accepted[0].abort();
  b.change("failed");
  net.guest.run();
  assertEquals([a.aborted, accepted[1].error, net.network.connections], [true, "reset", 0]);
  const short = new FakeStream("open", 1003);
  net.listener.arrive(short);
  short.arrive(text("all I have"));
  short.finish();
  net.guest.run();
  assertEquals([shown(readAll(accepted[2])), accepted[2].ended], ["all I have", true]);
  accepted[2].close();
  net.guest.run();
  assertEquals([short.ended, net.network.connections], [true, 0]);
  net.network.close();
  assert(net.listener.closed);
});

/** Sends `down` to the guest and `up` to the host through one connection, each side as slow as told. */
function transfer(
  net: ReturnType<typeof setUp>,
  down: Uint8Array,
  up: Uint8Array,
  options: {
    ns: number;
    each?: (stream: FakeStream, c: TcpConnection | undefined) => void;
    readEach?: number;
  },
) {
  const accepted = serve(net);
  const stream = new FakeStream("open", 2000, 0x7f000001, 65536);
  net.listener.arrive(stream);
  for (let at = 0; at < down.length; at += 65536) stream.arrive(down.subarray(at, at + 65536));
  stream.finish();
  const got: Uint8Array[] = [];
  let sent = 0;
  net.guest.run(options.ns, 50_000, () => {
    const [c] = accepted;
    options.each?.(stream, c);
    if (c === undefined) return;
    if (sent < up.length) sent += c.write(up.subarray(sent));
    if (sent === up.length) c.shutdownWrite();
    const bytes = new Uint8Array(Math.min(c.readable, options.readEach ?? Infinity));
    c.read(bytes);
    got.push(bytes);
  });
  return { stream, connection: accepted[0], sent, got: Uint8Array.from(got.flatMap((b) => [...b])) };
}

once("a megabyte each way arrives whole, and both sides are closed", () => {
  const net = setUp();
  const [down, up] = [pattern(1_000_000, 1), pattern(1_000_000, 2)];
  const { stream, got, connection } = transfer(net, down, up, { ns: 200e6 });
  assertEquals([got.length, stream.sent.length], [down.length, up.length]);
  assert(got.every((b, i) => b === down[i]) && stream.sent.every((b, i) => b === up[i]));
  assertEquals([stream.ended, connection.ended, net.network.connections], [true, true, 0]);
});

once("over a bad link, too, and the same way again from the same seed", () => {
  const faults = { loss: 0.05, duplicate: 0.05, reorder: 0.05, corrupt: 0.02, delay: 100_000 };
  const once = () => {
    const net = setUp({}, {}, faults);
    const [down, up] = [pattern(150_000, 3), pattern(150_000, 4)];
    let done = 0;
    const { stream, got } = transfer(net, down, up, {
      ns: 30e9,
      each: (s) => done = s.ended && done === 0 ? net.card.clock.now() : done,
    });
    assert(got.every((b, i) => b === down[i]) && stream.sent.every((b, i) => b === up[i]));
    assertEquals([got.length, stream.sent.length], [down.length, up.length]);
    return done;
  };
  const first = once();
  assertEquals(once(), first);
});

once(
  "a slow host closes the guest's window, a slow guest stops the reading of the host, and memory is bounded",
  () => {
    const net = setUp();
    const up = pattern(4_000_000, 5);
    const { stream, sent } = transfer(net, new Uint8Array(0), up, {
      ns: 60e6,
      each: (stream) => stream.capacity = 100_000,
    });
    assert(sent < 100_000 + 3 * 524_288, `the guest could write ${sent} bytes`);
    assertEquals(stream.sent.length, 100_000);

    const slow = setUp();
    const down = pattern(4_000_000, 6);
    const { stream: source, got } = transfer(slow, down, new Uint8Array(0), { ns: 60e6, readEach: 10 });
    assert(got.length < 20_000 && got.every((b, i) => b === down[i]));
    const left = source.state === "open" ? source.input.length : 0;
    assert(left > 0, "the host's stream still has bytes that nobody read");
  },
);

once(
  "a client that sends nothing, garbage and half a request, thousands of them: nothing is left behind",
  () => {
    const net = setUp();
    const accepted = serve(net);
    for (let round = 0; round < 20; round++) {
      const streams = Array.from({ length: 100 }, (_, i) => new FakeStream("open", 3000 + i));
      for (const s of streams) net.listener.arrive(s);
      net.guest.run(300_000);
      streams.forEach((s, i) => {
        if (i % 4 === 1) s.arrive(pattern(100, i));
        if (i % 4 === 2) s.arrive(text("GET / HT"));
        if (i % 3 === 0) s.change("failed");
        else s.finish();
      });
      net.guest.run(300_000, 50_000, () => {
        for (const c of accepted) readAll(c);
        for (const c of accepted) if (c.ended) c.close();
      });
      accepted.length = 0;
    }
    net.guest.run(1e9, 1e7);
    assertEquals(net.network.connections, 0);
  },
);
