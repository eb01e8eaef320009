import { NetF } from "../../../spec/virtio/features.ts";
import { NetConfig, NetGso, NetHdr, NetHdrF } from "../../../spec/virtio/net.ts";
import { after, before, type Hands, type Mistake } from "../mistake.ts";

const NET = { devices: ["net"] } as const;
const OFFLOADS = { ...NET, props: "x-vnet-hdr=on" } as const;

/** Frames, receive buffers and the configuration of a network card (virtio 1.4, 5.1). */
export const NET_MISTAKES: readonly Mistake[] = [
  {
    id: "net-header-missing",
    what: "a frame is sent without its header",
    on: NET,
    plant: ({ net }) => {
      const make = net.makeFrame.bind(net);
      net.makeFrame = (frame) => make(frame).slice(1);
    },
    expect: { rule: "net-tx-header-size", found: /begins at byte 0/ },
  },
  {
    id: "net-header-of-10-bytes",
    what: "the header has the 10 bytes of legacy devices",
    on: NET,
    plant: ({ net }) => {
      const make = net.makeFrame.bind(net);
      net.makeFrame = (frame) => {
        const [header, data] = make(frame);
        return [{ ...header, length: 10 }, data];
      };
    },
    expect: { rule: "net-tx-header-size", found: /begins at byte 10/ },
  },
  {
    id: "net-num-buffers-when-sending",
    what: "num_buffers of a frame that is sent is 1",
    on: NET,
    plant: (hands) => setHeader(hands, NetHdr.NUM_BUFFERS, 1),
    expect: { rule: "net-tx-num-buffers", found: /is 1$/ },
  },
  {
    id: "net-checksum-without-feature",
    what: "the device is asked for a checksum, though CSUM was not negotiated",
    on: NET,
    plant: (hands) => setHeader(hands, NetHdr.FLAGS, NetHdrF.NEEDS_CSUM),
    expect: { rule: "net-tx-flags-without-csum", found: /flags are 0x1/ },
  },
  {
    id: "net-gso-without-feature",
    what: "a large TCP packet is sent, though HOST_TSO4 was not negotiated",
    on: { ...OFFLOADS, wants: NetF.CSUM },
    plant: (hands) => setHeader(hands, NetHdr.FLAGS, NetHdrF.NEEDS_CSUM | NetGso.TCPV4 << 8),
    expect: { rule: "net-tx-gso-feature", found: /TCPV4/ },
    also: ["net-tx-checksum-place"],
  },
  {
    id: "net-gso-size-zero",
    what: "a large TCP packet does not say how large its segments shall be",
    on: { ...OFFLOADS, wants: NetF.CSUM | NetF.HOST_TSO4 },
    plant: (hands) => setHeader(hands, NetHdr.FLAGS, NetHdrF.NEEDS_CSUM | NetGso.TCPV4 << 8),
    expect: { rule: "net-tx-gso-fields", found: /gso_size is 0/ },
    also: ["net-tx-checksum-place"],
  },
  {
    id: "net-gso-without-checksum",
    what: "a large TCP packet is sent without NEEDS_CSUM",
    on: { ...OFFLOADS, wants: NetF.CSUM | NetF.HOST_TSO4 },
    plant: (hands) => {
      setHeader(hands, NetHdr.FLAGS, NetGso.TCPV4 << 8);
      setHeader(hands, NetHdr.GSO_SIZE, 1448);
    },
    expect: { rule: "net-tx-gso-fields", found: /flags are 0x0/ },
  },
  {
    id: "net-data-valid-when-sending",
    what: "DATA_VALID is set in a frame that is sent",
    on: { ...OFFLOADS, wants: NetF.CSUM },
    plant: (hands) => setHeader(hands, NetHdr.FLAGS, NetHdrF.DATA_VALID),
    expect: { rule: "net-tx-flags", found: /flags are 0x2/ },
  },
  {
    id: "net-checksum-outside-frame",
    what: "the place of the checksum is behind the end of the frame",
    on: { ...OFFLOADS, wants: NetF.CSUM },
    plant: (hands) => {
      setHeader(hands, NetHdr.FLAGS, NetHdrF.NEEDS_CSUM);
      setHeader(hands, NetHdr.CSUM_START, 34);
      setHeader(hands, NetHdr.CSUM_OFFSET, 60);
    },
    expect: {
      rule: "net-tx-checksum-place",
      found: /csum_start is 34, csum_offset 60, in a frame of 42 bytes/,
    },
  },
  {
    id: "net-receive-buffer-too-small",
    what: "receive buffers have 64 bytes, and no frame may take several",
    on: NET,
    plant: ({ net }) => net.receiveSize = () => 64,
    expect: { rule: "net-rx-buffer-size", found: /64 bytes/ },
  },
  {
    id: "net-receive-buffer-below-header",
    what: "receive buffers have 8 bytes, less than a header",
    on: { ...NET, wants: NetF.MRG_RXBUF },
    plant: ({ net }) => net.receiveSize = () => 8,
    expect: { rule: "net-rx-header-fits", found: /8 bytes/ },
  },
  {
    id: "net-receive-buffer-readable",
    what: "receive buffers lack the WRITE flag",
    on: NET,
    plant: ({ ring }) =>
      ring((r) => {
        if (r.queue !== 0) return;
        const { submit } = r;
        r.submit = (pieces) => submit.call(r, pieces.map((p) => ({ ...p, writable: false })));
      }),
    expect: { rule: "net-rx-writable", found: /readable for the device/ },
  },
  {
    id: "net-frame-writable",
    what: "a frame to send is in a writable buffer",
    on: NET,
    plant: ({ net }) => {
      const make = net.makeFrame.bind(net);
      net.makeFrame = (frame) => {
        const [header, data] = make(frame);
        return [header, { ...data, writable: true }];
      };
    },
    expect: { rule: "net-tx-readable", found: /42 bytes that is writable/ },
  },
  {
    id: "net-frame-on-receive-queue",
    what: "a frame to send is put on the receive queue",
    on: NET,
    plant: ({ net, ring }) =>
      ring((r) => {
        if (r.queue !== 1) return;
        r.submit = (pieces) => net.rings[0].submit(pieces);
      }),
    expect: { rule: "net-rx-writable", found: /12 bytes that is readable/ },
  },
  {
    id: "net-frame-too-long",
    what: "a frame is longer than the MTU, and not to be cut",
    on: { ...NET, props: "host_mtu=1400" },
    plant: ({ net }) => {
      const { question } = net;
      net.question = () => {
        const frame = new Uint8Array(1500);
        frame.set(question.call(net));
        return frame;
      };
    },
    expect: { rule: "net-tx-mtu", found: /1500 bytes/ },
  },
  {
    id: "net-mac-written-to-config",
    what: "the address is changed by writing to the configuration",
    on: NET,
    plant: ({ net }) =>
      after(net, "bringUp", () => {
        for (let i = 0; i < 6; i++) net.transport.writeConfig(NetConfig.MAC + i, 1, net.mac[i]);
      }),
    expect: { rule: "net-config-read-only", found: /byte 0 \(mac\)/ },
  },
  {
    id: "net-mtu-unread",
    what: "frames of any length are sent, and the device's mtu is never looked at",
    on: { ...NET, props: "host_mtu=1400" },
    plant: ({ net }) => {
      const { readConfig } = net.transport;
      net.transport.readConfig = (offset, width) =>
        offset === 10 ? 1500 : readConfig.call(net.transport, offset, width);
      const { question } = net;
      net.question = () => {
        const frame = new Uint8Array(114);
        frame.set(question.call(net));
        return frame;
      };
    },
    expect: { rule: "net-mtu-read", found: /100 bytes behind its Ethernet header/ },
  },
  {
    id: "net-mtu-exceeded-buffers",
    what: "receive buffers are for 1500 bytes, and the device says its MTU is 9000",
    on: { ...NET, props: "host_mtu=9000" },
    plant: ({ net }) => {
      net.receiveSize = () => 1530;
      // Nobody sends anything for a while.
      before(net, "work", () => void net.ground.platform.idle(net.ground.platform.now() + 1e9));
    },
    expect: { rule: "net-rx-room", found: /the largest receive buffer has 1530 bytes/ },
  },
  {
    id: "net-source-address-wrong",
    what: "frames carry an address that is not the card's",
    on: NET,
    plant: ({ net }) => after(net, "readConfig", () => net.mac = Uint8Array.of(2, 0, 0, 0, 0, 7)),
    expect: { rule: "net-mac", found: /02:00:00:00:00:07/ },
  },
  {
    id: "net-header-not-cleared",
    what: "the header is not filled in",
    on: NET,
    plant: ({ net }) => {
      const { memory } = net.ground;
      const { makeFrame } = net;
      net.makeFrame = (frame) => {
        const fill = memory.fill.bind(memory);
        memory.fill = () => {};
        const pieces = makeFrame.call(net, frame);
        memory.fill = fill;
        return pieces;
      };
    },
    expect: { rule: "net-tx-num-buffers", found: /is 42405/ },
    also: ["net-tx-flags-without-csum", "net-tx-gso-feature", "net-tx-gso-tunnel"],
  },
  {
    id: "net-mac-not-taken",
    what: "MAC is offered, and the driver makes up an address",
    on: NET,
    plant: ({ net }) => net.wants &= ~NetF.MAC,
    expect: { rule: "net-features-wanted", found: /MAC/ },
  },
  {
    id: "net-link-not-looked-at",
    what: "STATUS was negotiated, and the state of the link is not read",
    on: NET,
    plant: ({ net }) => {
      const { transport } = net;
      const read = transport.readConfig.bind(transport);
      transport.readConfig = (offset, width) => offset === NetConfig.STATUS ? 1 : read(offset, width);
    },
    expect: { rule: "net-status-read", found: /status was never read/ },
  },
  {
    id: "net-num-buffers-looked-at",
    what: "num_buffers of a received frame decides, though MRG_RXBUF was not negotiated",
    on: NET,
    plant: ({ net }) =>
      before(net, "readFrame", (buffer) => net.ground.memory.readU16(buffer.offset + NetHdr.NUM_BUFFERS)),
    expect: { rule: "net-rx-num-buffers" },
  },
  {
    id: "net-frames-not-read",
    what: "what was received is never looked at",
    on: NET,
    plant: ({ net }) => {
      net.questions = 4;
      net.readFrame = () => new Uint8Array(60);
    },
    expect: { rule: "received-thrown-away", found: /not a byte/ },
  },
  {
    id: "net-frames-read-elsewhere",
    what: "frames are read from another buffer than the one that was used",
    on: NET,
    plant: ({ net }) => {
      net.questions = 4;
      const buffer = net.allocate(64, "frame");
      net.ground.memory.fill(buffer.offset, 64, 0);
      net.readFrame = () => {
        const frame = new Uint8Array(60);
        net.ground.memory.readBytes(buffer.offset, frame);
        return frame;
      };
    },
    expect: { rule: "received-unread", found: /not a byte/ },
  },
  {
    id: "net-receive-buffers-not-given-back",
    what: "a receive buffer that was used does not go back to the device",
    on: NET,
    plant: ({ net }) => {
      net.questions = 6;
      after(net, "startQueues", () => net.giveReceiveBuffer = () => {});
    },
    expect: { rule: "net-rx-empty", found: /all 4 of it were used/ },
  },
  {
    id: "net-frame-buffer-used-again-too-early",
    what: "the next frame is written into the buffer that the device still sends from",
    on: NET,
    plant: ({ net }) =>
      net.work = () => {
        const pieces = net.makeFrame(net.question());
        for (let i = 0; i < 3; i++) {
          net.ground.memory.writeBytes(pieces[1].buffer.offset, net.question());
          net.rings[1].submit(pieces);
        }
        for (let i = 0; i < 3; i++) net.nextUsed(net.rings[1]);
      },
    expect: { rule: "readable-buffer-in-flight", found: /42 bytes/ },
  },
];

/** Writes 16 bits of the header of each frame that is sent. */
function setHeader({ net }: Hands, offset: number, value: number): void {
  after(net, "fillHeader", (_, header) => net.ground.memory.writeU16(header.offset + offset, value));
}
