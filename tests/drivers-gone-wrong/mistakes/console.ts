import { ConsoleConfig, ConsoleControl as E, ConsoleQueue as Q } from "../../../spec/virtio/console.ts";
import { ConsoleF } from "../../../spec/virtio/features.ts";
import { after, before, type Mistake } from "../mistake.ts";

const CONSOLE = { devices: ["console"] } as const;
const MULTIPORT = { ...CONSOLE, props: "max_ports=2", wants: ConsoleF.MULTIPORT } as const;

/** The console (virtio 1.4, 5.3). */
export const CONSOLE_MISTAKES: readonly Mistake[] = [
  {
    id: "console-receive-buffer-readable",
    what: "receive buffers lack the WRITE flag",
    on: CONSOLE,
    plant: ({ ring }) =>
      ring((r) => {
        if (r.queue !== Q.RECEIVE) return;
        const { submit } = r;
        r.submit = (pieces) => submit.call(r, pieces.map((p) => ({ ...p, writable: false })));
      }),
    expect: { rule: "console-receive-writable", found: /128 bytes that is readable/ },
  },
  {
    id: "console-output-writable",
    what: "output is in a writable buffer",
    on: CONSOLE,
    plant: ({ ring }) =>
      ring((r) => {
        if (r.queue !== Q.TRANSMIT) return;
        const { submit } = r;
        r.submit = (pieces) => submit.call(r, pieces.map((p) => ({ ...p, writable: true })));
      }),
    expect: { rule: "console-transmit-readable", found: /13 bytes that is writable/ },
  },
  {
    id: "console-output-on-receive-queue",
    what: "output goes to the receive queue",
    on: CONSOLE,
    plant: ({ console }) => {
      const send = console.send.bind(console);
      console.send = (_queue, bytes) => send(Q.RECEIVE, bytes);
    },
    expect: { rule: "console-receive-writable", found: /13 bytes that is readable/ },
  },
  {
    id: "console-device-ready-forgotten",
    what: "with MULTIPORT the driver opens its port without DEVICE_READY",
    on: MULTIPORT,
    plant: ({ console }) => console.openPort = () => console.onConsole(0),
    expect: { rule: "console-device-ready", found: /PORT_OPEN/ },
    also: ["console-message"],
  },
  {
    id: "console-port-open-forgotten",
    what: "CONSOLE_PORT is not answered with PORT_OPEN",
    on: MULTIPORT,
    plant: ({ console }) => {
      console.onConsole = () => {};
      after(console, "openPort", () => console.ground.interrupts.poll());
    },
    expect: { rule: "console-port-open" },
  },
  {
    id: "console-control-too-short",
    what: "control messages lack their value",
    on: MULTIPORT,
    plant: ({ console }) => {
      const send = console.send.bind(console);
      console.send = (queue, bytes) => send(queue, queue === Q.CTRL_TRANSMIT ? bytes.subarray(0, 6) : bytes);
    },
    expect: { rule: "console-message", found: /6 bytes/ },
  },
  {
    id: "console-size-without-feature",
    what: "columns and rows are read, though SIZE is not offered",
    on: CONSOLE,
    plant: ({ console }) =>
      console.readSize = () => {
        console.columns = console.consistent(() => console.transport.readConfig(ConsoleConfig.COLS, 2));
      },
    expect: { rule: "config-field-offered", found: /cols .*does not offer SIZE/ },
  },
  {
    id: "console-ports-without-feature",
    what: "the number of ports is read, though MULTIPORT is not offered",
    on: { ...CONSOLE, props: "max_ports=1" },
    plant: ({ console }) =>
      after(console, "readConfig", () => {
        console.ports = console.transport.readConfig(ConsoleConfig.MAX_NR_PORTS, 4);
      }),
    expect: { rule: "config-field-offered", found: /does not offer MULTIPORT/ },
  },
  {
    id: "console-emergency-write-without-feature",
    what: "a character is written through the configuration, though EMERG_WRITE is not offered",
    on: { ...CONSOLE, props: "emergency-write=off" },
    plant: ({ console }) =>
      before(console, "work", () => console.transport.writeConfig(ConsoleConfig.EMERG_WR, 4, 0x21)),
    expect: { rule: "config-field-offered", found: /does not offer EMERG_WRITE/ },
  },
  {
    id: "console-emergency-write-8-bit",
    what: "a character is written through the configuration as one byte",
    on: CONSOLE,
    plant: ({ console }) =>
      before(console, "work", () => console.transport.writeConfig(ConsoleConfig.EMERG_WR, 1, 0x21)),
    expect: { rule: "config-access-width", found: /1 byte.* at 0x8/ },
  },
  {
    id: "console-ports-ready-for-nobody",
    what: "PORT_READY names a port that the device did not add",
    on: MULTIPORT,
    plant: ({ console }) => before(console, "openPort", () => console.sendControl(1, E.PORT_READY, 1)),
    expect: { rule: "console-device-ready", found: /PORT_READY/ },
    also: ["console-message"],
  },
  {
    id: "console-input-length-ignored",
    what: "the whole receive buffer is taken for input, whatever the device wrote",
    on: { ...CONSOLE, input: "abcde" },
    plant: ({ console }) => {
      console.expected = 5;
      console.takeReceived = (queue, length) => {
        const { pieces: [{ buffer }] } = console.nextUsed(console.rings[queue]);
        const bytes = new Uint8Array(length);
        console.ground.memory.readBytes(buffer.offset, bytes);
        console.giveBack(queue, buffer, length);
        return bytes;
      };
    },
    expect: { rule: "used-length", found: /123 bytes were read behind the 5/ },
  },
  {
    id: "console-port-ready-forgotten",
    what: "DEVICE_ADD is not answered with PORT_READY",
    on: MULTIPORT,
    plant: ({ console }) => console.onAdd = () => {},
    expect: { rule: "console-port-ready", found: /DEVICE_ADD for port 0/ },
  },
  {
    id: "console-port-closed",
    what: "CONSOLE_PORT is answered with PORT_OPEN of value 0",
    on: MULTIPORT,
    plant: ({ console }) => console.onConsole = (port) => console.sendControl(port, E.PORT_OPEN, 0),
    expect: { rule: "console-port-open", found: /PORT_OPEN with value 0/ },
  },
  {
    id: "console-port-big-endian",
    what: "the number of a port is written most significant byte first",
    on: MULTIPORT,
    plant: ({ console }) => {
      const send = console.sendControl.bind(console);
      console.sendControl = (port, event, value) =>
        send(event === E.PORT_OPEN ? 1 << 24 : port, event, value);
    },
    expect: { rule: "console-message", found: /port 16777216/ },
    also: ["console-port-open"],
  },
  {
    id: "console-buffer-given-back-too-early",
    what: "a receive buffer goes back to the device, and then its bytes are read",
    on: { ...CONSOLE, input: "abcde" },
    plant: ({ console }) => {
      console.expected = 5;
      console.takeReceived = (queue, length) => {
        const { pieces: [{ buffer }], written } = console.nextUsed(console.rings[queue]);
        console.giveBack(queue, buffer, length);
        const bytes = new Uint8Array(written);
        console.ground.memory.readBytes(buffer.offset, bytes);
        return bytes;
      };
    },
    expect: { rule: "writable-buffer-read-early", found: /5 bytes/ },
  },
];
