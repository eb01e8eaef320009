import { NetF } from "../../../spec/virtio/features.ts";
import { NetCtrl, NetCtrlMac, NetCtrlMq, NetCtrlRx } from "../../../spec/virtio/net.ts";
import { before, type Mistake } from "../mistake.ts";

const NET = { devices: ["net"] } as const;
const OFFLOADS = { ...NET, props: "x-vnet-hdr=on" } as const;

/** Commands to a network card (virtio 1.4, 5.1.6.5). */
export const NET_CONTROL_MISTAKES: readonly Mistake[] = [
  {
    id: "net-receive-mode-without-feature",
    what: "the receive mode is changed, though CTRL_RX was not negotiated",
    on: NET,
    plant: ({ net }) => {
      net.wants &= ~NetF.CTRL_RX;
      net.checkAck = () => {};
      before(net, "work", () => net.setPromiscuous(true));
    },
    expect: { rule: "net-ctrl-feature", found: /without CTRL_RX$/ },
  },
  {
    id: "net-mac-set-without-feature",
    what: "the address is changed, though neither CTRL_RX nor CTRL_MAC_ADDR was negotiated",
    on: NET,
    plant: ({ net }) => {
      net.wants &= ~NetF.CTRL_RX;
      net.checkAck = () => {};
      before(net, "work", () => net.command(NetCtrl.MAC, NetCtrlMac.ADDR_SET, net.mac));
    },
    expect: { rule: "net-ctrl-feature", found: /without CTRL_RX or CTRL_MAC_ADDR/ },
  },
  {
    id: "net-vlan-without-feature",
    what: "a VLAN is filtered, though CTRL_VLAN was not negotiated",
    on: NET,
    plant: ({ net }) => {
      net.checkAck = () => {};
      before(net, "work", () => net.command(NetCtrl.VLAN, 0, Uint8Array.of(5, 0)));
    },
    expect: { rule: "net-ctrl-feature", found: /without CTRL_VLAN/ },
  },
  {
    id: "net-command-answer-readable",
    what: "the byte for the answer of a command is not writable",
    on: NET,
    plant: ({ net }) => {
      const make = net.makeCommand.bind(net);
      net.checkAck = () => {};
      net.makeCommand = (kind, command, data) =>
        make(kind, command, data).map((piece) => ({ ...piece, writable: false }));
    },
    expect: { rule: "net-ctrl-layout", found: /0 writable bytes/ },
    also: ["net-ctrl-data"],
  },
  {
    id: "net-command-answer-missing",
    what: "a command has no room for the answer",
    on: NET,
    plant: ({ net }) => {
      const make = net.makeCommand.bind(net);
      net.checkAck = () => {};
      net.makeCommand = (kind, command, data) => make(kind, command, data).slice(0, 2);
    },
    expect: { rule: "net-ctrl-layout", found: /0 writable bytes/ },
  },
  {
    id: "net-mac-table-count-wrong",
    what: "the table of addresses says two and has one",
    on: { ...NET, wants: NetF.CTRL_MAC_ADDR },
    plant: ({ net }) => {
      net.checkAck = () => {};
      const table = Uint8Array.of(2, 0, 0, 0, 2, 0, 0, 0, 0, 9, 0, 0, 0, 0);
      before(net, "work", () => net.command(NetCtrl.MAC, NetCtrlMac.TABLE_SET, table));
    },
    expect: { rule: "net-ctrl-mac-table", found: /2 addresses in the unicast list, in 10 bytes/ },
  },
  {
    id: "net-pairs-zero",
    what: "the device is told to use no pair of queues",
    on: { ...NET, props: "mq=on", wants: NetF.MQ },
    plant: ({ net }) => {
      net.checkAck = () => {};
      before(net, "work", () => net.command(NetCtrl.MQ, NetCtrlMq.VQ_PAIRS_SET, Uint8Array.of(0, 0)));
    },
    expect: { rule: "net-ctrl-pairs-range", found: /with 0/ },
  },
  {
    id: "net-pairs-big-endian",
    what: "the number of pairs is written most significant byte first",
    on: { ...NET, props: "mq=on", wants: NetF.MQ },
    plant: ({ net }) => {
      net.checkAck = () => {};
      before(net, "work", () => net.command(NetCtrl.MQ, NetCtrlMq.VQ_PAIRS_SET, Uint8Array.of(0, 1)));
    },
    expect: { rule: "net-ctrl-pairs-range", found: /with 256/ },
  },
  {
    id: "net-unknown-receive-mode",
    what: "NOBCAST is switched on, though CTRL_RX_EXTRA was not negotiated",
    on: NET,
    plant: ({ net }) => {
      net.checkAck = () => {};
      before(net, "work", () => net.command(NetCtrl.RX, NetCtrlRx.NOBCAST, Uint8Array.of(1)));
    },
    expect: { rule: "net-ctrl-feature", found: /command 5, without CTRL_RX_EXTRA/ },
  },
  {
    id: "net-receive-modes-without-control-queue",
    what: "CTRL_RX_EXTRA is taken without the control queue that it needs",
    on: { ...NET, wants: NetF.CTRL_RX_EXTRA },
    plant: ({ net }) => net.choose = (offered) => offered & net.wants & ~(NetF.CTRL_VQ | NetF.CTRL_RX),
    expect: { rule: "net-features-control", found: /CTRL_RX_EXTRA accepted without CTRL_VQ/ },
    also: ["features-consistent"],
  },
  {
    id: "net-answer-not-read",
    what: "whether the device took a command is not looked at",
    on: NET,
    plant: ({ net }) => net.checkAck = () => {},
    expect: { rule: "net-ctrl-answer", found: /was never read/ },
  },
  {
    id: "net-pairs-before-queues",
    what: "two pairs are put to use, and the queues of the second are not set up",
    on: { ...NET, props: "mq=on", wants: NetF.MQ },
    plant: ({ net }) => {
      net.checkAck = () => {};
      before(net, "work", () => net.command(NetCtrl.MQ, NetCtrlMq.VQ_PAIRS_SET, Uint8Array.of(2, 0)));
    },
    expect: { rule: "net-ctrl-pairs-queues", found: /with 2, and queue 2 is not enabled/ },
  },
  {
    id: "net-second-pair-too-early",
    what: "a frame is sent on the second pair before VQ_PAIRS_SET",
    on: { ...NET, props: "mq=on", wants: NetF.MQ },
    plant: ({ net }) => {
      net.queues = () => [0, 1, 2, 3, 4];
      net.transmit = (frame) => {
        net.rings[3].submit(net.makeFrame(frame));
        net.freePieces(net.nextUsed(net.rings[3]).pieces);
      };
    },
    expect: { rule: "net-tx-pair", found: /queue 3.*1 pair is in use/ },
  },
  {
    id: "net-offload-not-negotiated",
    what: "the driver switches on an offload whose feature it did not take",
    on: { ...OFFLOADS, wants: NetF.CTRL_GUEST_OFFLOADS | NetF.GUEST_CSUM },
    plant: ({ net }) => {
      net.checkAck = () => {};
      const offloads = Uint8Array.of(0x82, 0, 0, 0, 0, 0, 0, 0);
      before(net, "work", () => net.command(NetCtrl.GUEST_OFFLOADS, 0, offloads));
    },
    expect: { rule: "net-ctrl-offloads", found: /0x82/ },
  },
  {
    id: "net-control-queue-misnumbered",
    what: "the control queue is taken to be queue 2, though the card has two pairs",
    on: { ...NET, props: "mq=on", wants: NetF.MQ },
    plant: ({ net }) => void Object.defineProperty(net, "controlQueue", { value: 2 }),
    expect: { rule: "net-rx-writable", found: /2 bytes that is readable/ },
    also: ["net-rx-header-fits"],
  },
  {
    id: "net-mac-too-short",
    what: "the address of ADDR_SET has five bytes",
    on: { ...NET, wants: NetF.CTRL_MAC_ADDR },
    plant: ({ net }) => {
      net.checkAck = () => {};
      before(net, "work", () => net.command(NetCtrl.MAC, NetCtrlMac.ADDR_SET, net.mac.subarray(0, 5)));
    },
    expect: { rule: "net-ctrl-data", found: /5 bytes of data/ },
  },
];
