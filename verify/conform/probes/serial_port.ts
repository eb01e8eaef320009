import { ConsoleControl as E } from "../../../spec/virtio/console.ts";
import type { Check, Value } from "../check.ts";
import type { Front } from "../driver/mod.ts";
import { CHARDEV, machineWords, MODERN_MMIO } from "../static/variants.ts";
import { ConsoleProbe, Q } from "./console_session.ts";
import { checksOf, type Probe } from "./session.ts";

const SPEC = "virtio 1.4, 5.3.6.2";
const PORT = 1;

/** A device whose only port is no console: nothing is at port 0, and it has the back end. */
const DEVICE = `max_ports=3 ${CHARDEV} -device virtserialport,chardev=c0,name=data,nr=1`;

/** The handshake as far as PORT_READY; PORT_OPEN if asked for. */
function start(front: Front, open: boolean): { c: ConsoleProbe; talk: Value } {
  const c = new ConsoleProbe(front, "split");
  c.receive(Q.CTRL_RX, Array.from({ length: 8 }, () => 32));
  const talk: Value[] = [];
  const messages: [number, number, number][] = [[0, E.DEVICE_READY, 1], [PORT, E.PORT_READY, 1]];
  if (open) messages.push([PORT, E.PORT_OPEN, 1]);
  for (const message of messages) {
    c.control(...message);
    talk.push(c.outcome());
  }
  return { c, talk };
}

const probes: readonly Probe[] = [
  {
    name: "handshake",
    title: "messages about a port with a name and a back end",
    spec: SPEC,
    run: (d) => start(d, true).talk,
  },
  {
    name: "close",
    title: "PORT_OPEN 1, 0, 1",
    spec: SPEC,
    run(d) {
      const { c } = start(d, true);
      return [0, 1, 1, 0].map((value) => {
        c.control(PORT, E.PORT_OPEN, value);
        return c.outcome();
      });
    },
  },
  {
    name: "send",
    title: "output of a port that is open, and of one that is not",
    spec: "virtio 1.4, 5.3.6",
    run(d) {
      const { c } = start(d, false);
      c.say(Q.TX1, "closed");
      const closed = c.outcome();
      c.control(PORT, E.PORT_OPEN, 1);
      c.say(Q.TX1, "open");
      return [closed, c.outcome()];
    },
  },
  {
    name: "send-port-0",
    title: "output of port 0, which does not exist",
    spec: "virtio 1.4, 5.3.6",
    run(d) {
      const { c } = start(d, true);
      c.say(Q.TX, "nobody");
      return c.outcome();
    },
  },
  {
    name: "receive",
    title: "input for an open port",
    spec: "virtio 1.4, 5.3.6",
    async run(d) {
      const { c } = start(d, true);
      c.receive(Q.RX1, [64, 64]);
      await c.type("data");
      return c.outcome();
    },
  },
  {
    name: "emergency",
    title: "an emergency write where there is no console",
    spec: "virtio 1.4, 5.3.4",
    run(d) {
      d.setConfig(8, 0x41);
      return [d.run().world.takeOutput().toHex(), d.config(8)];
    },
  },
];

/** Serial ports that are no consoles. */
export const serialPortChecks: readonly Check[] = [
  ...checksOf("port-pci", machineWords("q35", `-device virtio-serial-pci,addr=4,${DEVICE}`), probes),
  ...checksOf(
    "port-mmio",
    machineWords("microvm", `${MODERN_MMIO} -device virtio-serial-device,${DEVICE}`),
    probes,
  ),
];
