import { ConsoleControl as E } from "../../../spec/virtio/console.ts";
import type { Check, Value } from "../check.ts";
import { ConsoleProbe, Q } from "./console_session.ts";
import { frontOf, MACHINES, type RingKind, type Transport } from "./session.ts";

const SPEC = "virtio 1.4, 5.3.6.2";
const EIGHT = Array.from({ length: 8 }, () => 32);

type Run = (c: ConsoleProbe) => Value | Promise<Value>;
interface Question {
  readonly name: string;
  readonly title: string;
  readonly spec: string;
  readonly run: (front: ReturnType<typeof frontOf>, kind: RingKind) => Value | Promise<Value>;
}
/** A probe with MULTIPORT, DRIVER_OK. */
export const withPorts = (name: string, title: string, run: Run, spec = SPEC): Question => ({
  name,
  title,
  spec,
  run: (front, kind) => run(new ConsoleProbe(front, kind)),
});

/** Checks on both transports and rings. */
export function consoleChecks(prefix: string, questions: readonly Question[]): Check[] {
  const where: [Transport, RingKind][] = [["pci", "split"], ["pci", "packed"], ["mmio", "split"]];
  return where.flatMap(([transport, kind]) =>
    questions.map(({ name, title, spec, run }): Check => ({
      id: `console-${transport}/${kind}/${prefix}${name}`,
      title,
      spec,
      kind: "probe",
      machine: MACHINES.console[transport],
      run: (world) => run(frontOf(world), kind),
    }))
  );
}

/** A sequence of messages, the outcome of each. */
const talk =
  (messages: readonly (readonly [id: number, event: number, value: number])[], buffers = EIGHT): Run =>
  (
    c,
  ) => {
    c.receive(Q.CTRL_RX, buffers);
    return messages.map((m) => {
      c.control(...m);
      return c.outcome();
    });
  };

const questions: readonly Question[] = [
  withPorts(
    "handshake",
    "DEVICE_READY, then PORT_READY and PORT_OPEN of each port",
    talk([
      [0, E.DEVICE_READY, 1],
      [0, E.PORT_READY, 1],
      [1, E.PORT_READY, 1],
      [3, E.PORT_READY, 1],
      [0, E.PORT_OPEN, 1],
      [1, E.PORT_OPEN, 1],
      [0, E.PORT_OPEN, 0],
    ]),
  ),
  withPorts(
    "device-ready-0",
    "DEVICE_READY with value 0: the driver failed",
    talk([[0, E.DEVICE_READY, 0], [0, E.DEVICE_READY, 1]]),
  ),
  withPorts(
    "device-ready-twice",
    "DEVICE_READY twice",
    talk([[0, E.DEVICE_READY, 1], [0, E.DEVICE_READY, 1]]),
  ),
  withPorts(
    "device-ready-values",
    "DEVICE_READY of another port, with another value",
    talk([[77, E.DEVICE_READY, 1], [0, E.DEVICE_READY, 2]]),
  ),
  withPorts("port-ready-0", "PORT_READY with value 0", talk([[0, E.PORT_READY, 0], [1, E.PORT_READY, 0]])),
  withPorts("port-ready-twice", "PORT_READY twice", talk([[0, E.PORT_READY, 1], [0, E.PORT_READY, 1]])),
  withPorts(
    "port-ready-first",
    "PORT_READY before DEVICE_READY",
    talk([[1, E.PORT_READY, 1], [0, E.DEVICE_READY, 1]]),
  ),
  withPorts(
    "bad-port",
    "messages for ports that do not exist",
    talk([
      [2, E.PORT_READY, 1],
      [4, E.PORT_OPEN, 1],
      [5, E.PORT_READY, 1],
      [0xffff_ffff, E.PORT_READY, 1],
    ]),
  ),
  withPorts(
    "bad-event",
    "events that nobody defined, and those that the device sends",
    talk([
      [0, 8, 1],
      [0, 0xffff, 1],
      [0, E.DEVICE_ADD, 1],
      [0, E.DEVICE_REMOVE, 1],
      [0, E.CONSOLE_PORT, 1],
      [0, E.RESIZE, 1],
      [1, E.PORT_NAME, 1],
    ]),
  ),
  withPorts(
    "open-values",
    "PORT_OPEN with values beyond 1, and twice",
    talk([
      [1, E.PORT_OPEN, 2],
      [1, E.PORT_OPEN, 1],
      [1, E.PORT_OPEN, 0],
      [1, E.PORT_OPEN, 0],
    ]),
  ),
  withPorts(
    "one-buffer",
    "one buffer for three messages: the others are lost",
    talk([[0, E.DEVICE_READY, 1], [0, E.PORT_READY, 1]], [32]),
  ),
  withPorts("no-buffers", "no buffer at all, then some: what was lost stays lost", (c) => {
    c.control(0, E.DEVICE_READY, 1);
    const first = c.outcome();
    c.receive(Q.CTRL_RX, EIGHT);
    const then = c.outcome();
    c.control(1, E.PORT_READY, 1);
    return [first, then, c.outcome()];
  }),
  withPorts("buffers-unannounced", "buffers that the device was not told of", (c) => {
    c.receive(Q.CTRL_RX, EIGHT, false);
    c.control(0, E.DEVICE_READY, 1);
    return c.outcome();
  }),
  withPorts(
    "small-buffers",
    "buffers of 4, 7 and 8 bytes for messages of 8",
    talk([[0, E.DEVICE_READY, 1], [0, E.DEVICE_READY, 1]], [4, 7, 8, 8, 1]),
  ),
  withPorts(
    "name-cut",
    "a buffer too small for a port's name",
    talk([[1, E.PORT_READY, 1], [1, E.PORT_READY, 1]], [9, 12, 19, 20, 32]),
  ),
  withPorts("short-messages", "messages of 0 to 9 bytes", (c) => {
    c.receive(Q.CTRL_RX, EIGHT);
    return [1, 4, 7, 9, 12].map((length) => {
      c.send(Q.CTRL_TX, [new Uint8Array(12).fill(0, 0).map((_, i) => i === 6 ? 1 : 0).slice(0, length)]);
      return c.outcome();
    });
  }),
  withPorts("message-in-pieces", "a message in three buffers", (c) => {
    c.receive(Q.CTRL_RX, EIGHT);
    const message = Uint8Array.of(0, 0, 0, 0, E.DEVICE_READY, 0, 1, 0);
    c.send(Q.CTRL_TX, [message.slice(0, 3), message.slice(3, 6), message.slice(6)]);
    return c.outcome();
  }),
  withPorts("several-messages", "several messages behind one notification", (c) => {
    c.receive(Q.CTRL_RX, EIGHT);
    for (const [i, id] of [0, 1, 3].entries()) {
      c.send(Q.CTRL_TX, [Uint8Array.of(id, 0, 0, 0, E.PORT_READY, 0, 1, 0)], i === 2);
    }
    return c.outcome();
  }),
  withPorts("bad-head", "a bad head in the control queue", (c) => {
    c.receive(Q.CTRL_RX, EIGHT);
    if (c.kind === "split") c.rings[Q.CTRL_TX].publish(99);
    c.front.kick(Q.CTRL_TX);
    const first = c.outcome();
    c.control(0, E.DEVICE_READY, 1);
    return [first, c.outcome()];
  }),
  {
    name: "without-multiport",
    title: "control queues without MULTIPORT",
    spec: SPEC,
    run(front, kind) {
      const c = new ConsoleProbe(front, kind, { multiport: false });
      c.receive(Q.CTRL_RX, EIGHT);
      c.control(0, E.DEVICE_READY, 1);
      const ready = c.outcome();
      c.control(1, E.PORT_READY, 1);
      return [ready, c.outcome()];
    },
  },
  {
    name: "event-idx",
    title: "the handshake with EVENT_IDX",
    spec: SPEC,
    run(front, kind) {
      const c = new ConsoleProbe(front, kind, { features: 1n << 29n });
      c.receive(Q.CTRL_RX, EIGHT);
      return [[0, E.DEVICE_READY, 1], [0, E.PORT_READY, 1], [0, E.PORT_OPEN, 1]].map(([id, event, value]) => {
        c.control(id, event, value);
        return {
          ...c.outcome(),
          wishes: [Q.CTRL_RX, Q.CTRL_TX, Q.RX].map((q) => [...c.rings[q].suppression]),
        };
      });
    },
  },
  {
    name: "before-driver-ok",
    title: "messages before DRIVER_OK",
    spec: SPEC,
    run(front, kind) {
      const c = new ConsoleProbe(front, kind, { waits: true });
      c.receive(Q.CTRL_RX, EIGHT);
      c.control(0, E.DEVICE_READY, 1);
      const before = c.outcome();
      front.status = 15;
      front.run();
      const ok = c.outcome();
      c.control(1, E.PORT_READY, 1);
      return [before, ok, c.outcome()];
    },
  },
];

/** The control channel. */
export const controlChecks: readonly Check[] = consoleChecks("control-", questions);
