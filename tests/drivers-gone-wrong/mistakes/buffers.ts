import { NET_HDR_SIZE } from "../../../spec/virtio/net.ts";
import { ConsoleConfig } from "../../../spec/virtio/console.ts";
import { NetF } from "../../../spec/virtio/features.ts";
import { before, type Mistake } from "../mistake.ts";

const NET = { devices: ["net"] } as const;
const CONSOLE = { devices: ["console"] } as const;

/** What is read of buffers, how much of them, and which queues they go to. */
export const BUFFER_MISTAKES: readonly Mistake[] = [
  {
    id: "net-received-header-of-10-bytes",
    what: "received frames are read from byte 10 on, as legacy devices have them without MRG_RXBUF",
    on: NET,
    plant: ({ net }) => {
      net.readFrame = (buffer, written) => {
        const frame = new Uint8Array(written - 10);
        net.ground.memory.readBytes(buffer.offset + 10, frame);
        return frame;
      };
    },
    expect: { rule: "net-rx-header-size", found: /from byte 10 of the buffer/ },
  },
  {
    id: "net-received-flags-not-looked-at",
    what: "GUEST_CSUM was negotiated, and nobody looks whether a received frame has its checksum",
    on: { ...NET, props: "x-vnet-hdr=on", wants: NetF.GUEST_CSUM },
    plant: ({ net }) => {
      net.readFrame = (buffer, written) => {
        const frame = new Uint8Array(written - NET_HDR_SIZE);
        net.ground.memory.readBytes(buffer.offset + NET_HDR_SIZE, frame);
        return frame;
      };
    },
    expect: { rule: "net-rx-flags", found: /without a look at the flags/ },
  },
  {
    id: "net-frame-without-its-end",
    what: "the length of the frame to send does not count the header",
    on: NET,
    plant: ({ net }) => {
      net.work = () => net.transmit(net.question());
      const make = net.makeFrame.bind(net);
      net.makeFrame = (frame) => {
        const [header, data] = make(frame);
        return [header, { ...data, length: frame.length - NET_HDR_SIZE }];
      };
    },
    expect: { rule: "net-tx-cut-short", found: /30 bytes, 12 less .* as many as the header/ },
  },
  {
    id: "net-control-queue-without-feature",
    what: "commands are sent without CTRL_VQ, which gives the queue for them",
    on: NET,
    plant: ({ net }) => {
      net.wants &= ~(NetF.CTRL_VQ | NetF.CTRL_RX);
      net.queues = () => [0, 1, 2];
      net.checkAck = () => {};
      before(net, "work", () => net.setPromiscuous(true));
    },
    expect: { rule: "net-queue-exists", found: /in queue 2/ },
  },
  {
    id: "entropy-read-past-the-buffer",
    what: "more bytes are read than the buffer has that the device was given",
    on: {},
    plant: ({ rng }) => {
      rng.read = ({ pieces: [{ buffer, length }] }) => {
        const bytes = new Uint8Array(length + 64);
        rng.ground.memory.readBytes(buffer.offset, bytes);
        return bytes;
      };
    },
    expect: { rule: "buffer-read-past-end", found: /128 bytes were read from byte 0 on of a buffer of 64/ },
  },
  {
    id: "console-size-written",
    what: "the driver writes the size of the terminal that it would like",
    on: { ...CONSOLE, props: "x-size=80x25" },
    plant: ({ console }) =>
      before(console, "work", () => console.transport.writeConfig(ConsoleConfig.COLS, 2, 132)),
    expect: { rule: "console-config-read-only", found: /0x84 to cols/ },
  },
  {
    id: "console-second-port-without-feature",
    what: "a buffer goes to the queue of the second port, and MULTIPORT was not negotiated",
    on: { ...CONSOLE, props: "max_ports=2" },
    plant: ({ console }) => {
      console.queues = () => [0, 1, 4];
      before(console, "work", () => console.giveBuffer(4, 64));
    },
    expect: { rule: "console-queue-exists", found: /in queue 4/ },
  },
];
