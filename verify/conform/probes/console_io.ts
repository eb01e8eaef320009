import { ConsoleControl as E } from "../../../spec/virtio/console.ts";
import type { Check, Value } from "../check.ts";
import { buffer, type Front, I, W } from "../driver/mod.ts";
import { consoleChecks, withPorts } from "./console_control.ts";
import { ConsoleProbe, Q } from "./console_session.ts";
import { checksOf, MACHINES, type Probe, type RingKind } from "./session.ts";

const DATA = "virtio 1.4, 5.3.6", CONFIG = "virtio 1.4, 5.3.4";

/** More often than the device is given time to act, in what follows. */
const MANY = 20;
/** Milliseconds after which QEMU waits for the next command. */
const IDLE = 20;

/** Opens port 0. */
function opened(front: Front, kind: RingKind): ConsoleProbe {
  const c = new ConsoleProbe(front, kind);
  c.receive(Q.CTRL_RX, [32, 32, 32, 32]);
  c.control(0, E.DEVICE_READY, 1);
  c.control(0, E.PORT_READY, 1);
  c.control(0, E.PORT_OPEN, 1);
  c.outcome();
  return c;
}
const open = (name: string, title: string, run: (c: ConsoleProbe) => Value | Promise<Value>) => ({
  name,
  title,
  spec: DATA,
  run: (front: Front, kind: RingKind) => run(opened(front, kind)),
});

/** Takes what a check has left in the host's pipe: the next one must not see it. */
async function drained(c: ConsoleProbe, result: Value): Promise<Value> {
  const d = opened(c.front.rewind(), "split");
  for (let i = 0; i < 4; i++) {
    d.receive(Q.RX, [200, 200, 200]);
    await d.type("");
    d.outcome();
  }
  return result;
}

const questions = [
  open("send", "output", (c) => {
    c.say(Q.TX, "hello");
    const first = c.outcome();
    c.say(Q.TX, "\x00\xff");
    return [first, c.outcome()];
  }),
  open("send-pieces", "output in several buffers of one chain", (c) => {
    c.send(Q.TX, ["ab", "c", "def"].map((s) => new TextEncoder().encode(s)));
    return c.outcome();
  }),
  open("send-several", "several chains behind one notification", (c) => {
    for (const [i, text] of ["one ", "two ", "three"].entries()) {
      c.send(Q.TX, [new TextEncoder().encode(text)], i === 2);
    }
    return c.outcome();
  }),
  open("send-large", "20 KB in one buffer", (c) => {
    const at = buffer(40);
    c.front.bytes(at, 20_000).fill(0x78);
    c.rings[Q.TX].chain([{ addr: at, len: 20_000 }]);
    c.front.kick(Q.TX);
    const { output, ...rest } = c.outcome();
    return { ...rest, length: (output as string).length };
  }),
  open("send-writable", "output in buffers that are to write", (c) => {
    c.rings[Q.TX].chain([{ addr: c.at(Q.TX, 0), len: 8, flags: W }]);
    c.front.kick(Q.TX);
    const only = c.outcome();
    c.rings[Q.TX].chain([{ addr: c.at(Q.TX, 1), len: 3 }, { addr: c.at(Q.TX, 2), len: 8, flags: W }], 3);
    c.front.kick(Q.TX);
    return [only, c.outcome()];
  }),
  open("send-zero", "output of length 0", (c) => {
    c.rings[Q.TX].chain([{ addr: c.at(Q.TX, 0), len: 0 }]);
    c.front.kick(Q.TX);
    return c.outcome();
  }),
  open("send-order", "output with a readable buffer behind a writable one", (c) => {
    c.rings[Q.TX].chain([{ addr: c.at(Q.TX, 0), len: 4, flags: W }, { addr: c.at(Q.TX, 1), len: 4 }]);
    c.front.kick(Q.TX);
    return c.outcome();
  }),
  open("send-outside", "output from outside RAM", (c) => {
    c.rings[Q.TX].chain([{ addr: 0x5000_0000, len: 4 }]);
    c.front.kick(Q.TX);
    return c.outcome();
  }),
  open(
    "send-other-ports",
    "output of a port without a back end, one that is not open, one that does not exist",
    (c) =>
      [Q.TX1, Q.TX2, Q.TX3].map((queue) => {
        c.say(queue, "nobody");
        return c.outcome();
      }),
  ),
  withPorts("send-closed", "output of port 0 before it is open", (c) => {
    c.say(Q.TX, "early");
    return c.outcome();
  }, DATA),
  {
    name: "send-plain",
    title: "output without MULTIPORT",
    spec: DATA,
    run(front: Front, kind: RingKind) {
      const c = new ConsoleProbe(front, kind, { multiport: false });
      c.say(Q.TX, "plain");
      return c.outcome();
    },
  },
  open("receive", "input into a waiting buffer", async (c) => {
    c.receive(Q.RX, [64]);
    await c.type("typed");
    const first = c.outcome();
    c.receive(Q.RX, [64]);
    await c.type("again");
    return [first, c.outcome()];
  }),
  open("receive-2-gib", "input into a buffer that claims 2 GiB", async (c) => {
    c.rings[Q.RX].chain([{ addr: c.at(Q.RX, 0), len: 0x8000_0000, flags: W }]);
    c.front.kick(Q.RX);
    await c.type("typed");
    return await drained(c, c.outcome());
  }),
  open("receive-4-gib", "input into buffers that claim 4 GiB, and one behind them", async (c) => {
    const lengths = [1, 0xffff_ffff, 1];
    c.rings[Q.RX].chain(lengths.map((len, i) => ({ addr: c.at(Q.RX, i), len, flags: W })));
    c.front.kick(Q.RX);
    await c.type("t");
    return await drained(c, c.outcome());
  }),
  open("receive-small", "input into buffers of 3 bytes", async (c) => {
    c.receive(Q.RX, [3, 3, 3, 3, 3]);
    await c.type("0123456789");
    return c.outcome();
  }),
  open("receive-first", "input before there is a buffer", async (c) => {
    await c.type("early");
    const before = c.outcome();
    c.receive(Q.RX, [64]);
    await c.type("");
    return [before, c.outcome()];
  }),
  open("receive-short", "more input than buffers hold: the rest waits", async (c) => {
    c.receive(Q.RX, [4]);
    await c.type("abcdefgh");
    const first = c.outcome();
    c.receive(Q.RX, [2, 64]);
    await c.type("");
    return drained(c, [first, c.outcome()]);
  }),
  open("receive-chain", "input into a chain of two buffers", async (c) => {
    c.rings[Q.RX].chain([{ addr: c.at(Q.RX, 0), len: 3, flags: W }, {
      addr: c.at(Q.RX, 1),
      len: 30,
      flags: W,
    }]);
    c.front.kick(Q.RX);
    c.front.run();
    await c.type("over the edge");
    const outcome = c.outcome();
    return { outcome, bytes: [0, 1].map((i) => c.front.bytes(c.at(Q.RX, i), 16).toHex()) };
  }),
  open("receive-after-close", "input after PORT_OPEN 0, and after it is open again", async (c) => {
    c.receive(Q.RX, [64, 64]);
    c.control(0, E.PORT_OPEN, 0);
    await c.type("closed");
    const closed = c.outcome();
    c.control(0, E.PORT_OPEN, 1);
    await c.type("");
    const reopened = c.outcome();
    return drained(c, [closed, reopened]);
  }),
  open("receive-reset", "a reset closes the port", async (c) => {
    c.receive(Q.RX, [64]);
    const d = new ConsoleProbe(c.front.rewind(), c.kind);
    d.receive(Q.RX, [64]);
    await d.type("after");
    const unopened = d.outcome();
    d.control(0, E.PORT_OPEN, 1);
    await d.type("");
    return drained(d, [unopened, d.outcome()]);
  }),
  {
    name: "receive-plain",
    title: "input without MULTIPORT: port 0 is open with DRIVER_OK",
    spec: DATA,
    async run(front: Front, kind: RingKind) {
      const c = new ConsoleProbe(front, kind, { multiport: false });
      c.receive(Q.RX, [64]);
      await c.type("plain");
      return c.outcome();
    },
  },
  {
    name: "receive-plain-early",
    title: "input without MULTIPORT, buffers before DRIVER_OK",
    spec: DATA,
    async run(front: Front, kind: RingKind) {
      const c = new ConsoleProbe(front, kind, { multiport: false, waits: true });
      c.receive(Q.RX, [64]);
      await c.type("early");
      const before = c.outcome();
      front.status = 15;
      front.run();
      await c.type("");
      return [before, c.outcome()];
    },
  },
  open("receive-broken", "a receive queue with a bad indirect table: said once, or again and again", (c) => {
    c.rings[Q.RX].chain([{ addr: c.at(Q.RX, 0), len: 8, flags: I }]);
    c.front.kick(Q.RX);
    const outcome = c.outcome();
    const before = c.front.generation;
    for (let i = 0; i < 4; i++) c.front.run();
    const often = c.front.generation - before > MANY;
    c.front.status = 0;
    return { outcome, often };
  }),
  open("receive-broken-and-send", "output while a receive queue has a bad indirect table", async (c) => {
    // Until QEMU's main loop waits: it must not see the table before it is told of the output.
    await new Promise((done) => setTimeout(done, IDLE));
    c.rings[Q.RX].chain([{ addr: c.at(Q.RX, 0), len: 8, flags: I }]);
    c.say(Q.TX, "out");
    return c.outcome();
  }),
  open("receive-lost", "input waits, and with room for it comes a bad chain on another queue", async (c) => {
    await c.type("typed");
    await new Promise((done) => setTimeout(done, IDLE));
    c.rings[Q.TX].chain([{ addr: c.at(Q.TX, 0), len: 0 }]);
    c.rings[Q.RX].chain([{ addr: c.at(Q.RX, 0), len: 16, flags: W }]);
    c.front.kick(Q.TX);
    const broken = c.outcome();
    const d = opened(c.front.rewind(), "split");
    d.receive(Q.RX, [200]);
    await d.type("");
    return await drained(d, [broken, d.outcome()]);
  }),
  open("receive-readable", "input into a buffer that is to read only", async (c) => {
    c.rings[Q.RX].chain([{ addr: c.at(Q.RX, 0), len: 16 }]);
    c.rings[Q.RX].chain([{ addr: c.at(Q.RX, 1), len: 16, flags: W }], 1);
    c.front.kick(Q.RX);
    c.front.run();
    await c.type("abc");
    return drained(c, c.outcome());
  }),
];

/** Output of emergency writes. */
const written = (d: Front): string => d.run().world.takeOutput().toHex();

/** The configuration, where characters can be written. */
const config: readonly Probe[] = [
  {
    name: "emergency",
    title: "a character through the configuration, before and after DRIVER_OK",
    spec: CONFIG,
    run(d) {
      d.setConfig(8, 0x41);
      d.status = 0;
      d.status = 15;
      d.setConfig(8, 0x42);
      return [written(d), d.config(8)];
    },
  },
  {
    name: "emergency-widths",
    title: "emergency writes of every width and offset",
    spec: CONFIG,
    run: (d) =>
      ([[8, 1], [8, 2], [8, 4], [9, 1], [10, 2], [11, 1], [12, 4], [6, 4], [7, 2]] as const).map(
        ([at, width]) => {
          d.setConfig(at, 0x4443_4241, width);
          return [written(d), d.config(8), d.config(4)];
        },
      ),
  },
  {
    name: "emergency-zero",
    title: "an emergency write of 0",
    spec: CONFIG,
    run(d) {
      d.setConfig(8, 0);
      d.setConfig(8, 0x0100);
      return written(d);
    },
  },
  {
    name: "read-only",
    title: "size and number of ports written",
    spec: CONFIG,
    run(d) {
      for (const at of [0, 4]) d.setConfig(at, 0xffff_ffff);
      return [0, 4, 8].map((at) => d.config(at));
    },
  },
];

/** Output, input, and the configuration of a console. */
export const consoleIoChecks: readonly Check[] = [
  ...consoleChecks("", questions),
  ...checksOf("console-pci/config", MACHINES.console.pci, config),
  ...checksOf("console-mmio/config", MACHINES.console.mmio, config),
];
