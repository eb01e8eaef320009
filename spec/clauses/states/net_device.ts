import { deviates, device, notCheckable, notOffered, type States, test, tested } from "../state.ts";
import * as T from "./files.ts";
import * as A from "./net_absent.ts";

const N = "Device Types / Network Device";
const OP = `${N} / Device Operation`;
const CTRL = `${OP} / Control Virtqueue`;

const MTU = test(
  T.NET,
  "mtu is the property's and never changes; a frame of that size goes out whole, one above it comes in all " +
    "the same",
);
const SPEED = test(
  T.NET,
  "speed and duplex: as given, in Mbit/s, or unknown; the same from start to end",
);
const TX_HEADER = test(
  T.NET,
  "of a header to send only what is known and announced counts: flags, hdr_len, checksum places",
);
const RX_HEADER = test(
  T.NET,
  "a received header says only what the driver can take: without its offload gso_type and flags are 0",
);
const UNDONE = test(
  T.NET,
  "a received header of a frame that leaves something undone: places, size, and headers' length",
);
const PIECES = test(
  T.OFFLOAD,
  "a long segment arrives whole where the driver copes with it, else in pieces (${name}${more})",
);
const MERGED = test(
  T.NET_MODEL,
  "MRG_RXBUF: a frame takes several buffers, which are used at once; num_buffers says how many",
);
const ONE_BUFFER = test(
  T.NET_MODEL,
  "a frame takes the next buffer; without MRG_RXBUF the device leaves num_buffers alone, as QEMU",
);
const NO_COUNT = deviates("without MRG_RXBUF num_buffers is not written", ONE_BUFFER);
const MODES = test(
  T.NET_MODEL,
  "receive modes: promiscuous at first; each mode switches, and some beat others",
);
const PAIR_COUNT = test(
  T.NET,
  "pairs: the first alone after init, after a reset and after the command for one; two after the command for two",
);
const UNDER_RESET = test(
  T.NET,
  "queues under reset: frames go to another; with none left the back end keeps them, as QEMU",
);
const FLOWS =
  "several pairs: set by command, flows spread over them, answers come back where they left (${word})";

/** The network device: what devices must do. */
export const netDevice: States = {
  [`devicenormative:${N} / Device configuration layout`]: {
    1: device(
      "virtio/net_create.ts",
      test(T.NET, "max_virtqueue_pairs is what the back end has; more than a device can have are refused"),
    ),
    2: deviates("any MTU that the command line says is told, also one below 68", MTU),
    3: notCheckable("the MTU is the command line's choice; there is none by itself"),
    4: device("virtio/net_config.ts", MTU),
    5: deviates("a card hands over what its back end gives, however long", MTU),
    6: device("virtio/net_transmit.ts", MTU),
    "7-8": notOffered(A.NO_RSS),
    9: notOffered(A.NO_STANDBY),
    "10-12": device("virtio/net_config.ts", SPEED),
    13: notOffered(A.NO_RSS),
    14: deviates(
      "with ctrl_vq=off the card offers CTRL_RX_EXTRA all the same",
      test(
        T.BASIC,
        "an offer is closed under what its features need, and has no bit without a name, SR_IOV or ADMIN_VQ",
      ),
    ),
  },
  [`devicenormative:${OP} / Packet Transmission`]: {
    "1-2": device("virtio/net_offload.ts", TX_HEADER),
    "3-4": notOffered(A.NO_OUT_HEADER),
    5: notOffered(A.NO_HDRLEN),
    6: notCheckable(T.UNUSED),
    7: device("virtio/net_offload.ts", TX_HEADER),
    "8-10": notOffered(A.NO_TUNNEL),
    11: device("virtio/net_offload.ts", TX_HEADER),
    12: notOffered(A.NO_IPSEC),
  },
  [`devicenormative:${OP} / Setting Up Receive Buffers`]: {
    1: device("virtio/net_receive.ts", MERGED),
    2: [device("virtio/net_receive.ts", ONE_BUFFER), NO_COUNT],
  },
  [`devicenormative:${OP} / Processing of Incoming Packets`]: {
    1: NO_COUNT,
    "2-4": device("virtio/net_receive.ts", MERGED),
    5: device("virtio/net.ts", RX_HEADER),
    6: tested(PIECES.file, PIECES.name),
    "7-8": device("virtio/net_offload.ts", RX_HEADER),
    9: tested(PIECES.file, PIECES.name),
    10: device("virtio/net_offload.ts", RX_HEADER),
    "11-12": notOffered(A.NO_TUNNEL),
    "13-14": notOffered(A.NO_ECN),
    "15-16": notOffered(A.NO_OUT_HEADER),
    17: device("virtio/net_offload.ts", RX_HEADER),
    18: device(
      "net/offload.ts",
      test(
        T.NET,
        "NEEDS_CSUM says that the checksums before are right: a frame whose IP header is damaged comes without it",
      ),
    ),
    19: tested(T.OFFLOAD, "from card to card: a checksum is never filled in where both sides cope"),
    20: device("virtio/net_offload.ts", UNDONE),
    "21-25": notOffered(A.NO_TUNNEL),
    26: device("virtio/net_offload.ts", RX_HEADER),
    "27-28": device("virtio/net_offload.ts", UNDONE),
    29: notOffered(A.NO_RSC),
    30: tested(RX_HEADER.file, RX_HEADER.name),
    31: device("virtio/net_offload.ts", UNDONE),
    32: notCheckable(T.UNUSED),
    33: notOffered("a card never sets DATA_VALID"),
    "34-37": notOffered(A.NO_TUNNEL),
    "38-44": notOffered(A.NO_IPSEC),
  },
  [`devicenormative:${CTRL} / Inner Header Hash`]: { "1-3": notOffered(A.NO_HASH_TUNNEL) },
  [`devicenormative:${CTRL} / Packet Receive Filtering`]: { "1-13": device("virtio/net_filter.ts", MODES) },
  [`devicenormative:${CTRL} / Setting MAC Address Filtering`]: {
    1: device(
      "virtio/net_filter.ts",
      test(T.NET, "a reset empties the table of addresses and takes the receive modes back"),
    ),
    2: device(
      "virtio/net_filter.ts",
      test(T.NET_MODEL, "MAC table: two lists, all or nothing; more than 64 entries let all of a kind pass"),
    ),
    3: device(
      "virtio/net_filter.ts",
      test(
        T.NET_MODEL,
        "the address: set by command, shown in the configuration, back at reset; only old drivers write it there",
      ),
    ),
    4: device("virtio/net_filter.ts", MODES),
  },
  [`devicenormative:${CTRL} / VLAN Filtering`]: {
    "1-3": device(
      "virtio/net_filter.ts",
      test(
        T.NET_MODEL,
        "VLAN filter: with CTRL_VLAN only listed tags pass, without it all do, in promiscuous mode too",
      ),
    ),
  },
  [`devicenormative:${CTRL} / Gratuitous Packet Sending`]: {
    1: device(
      "virtio/net_control.ts",
      test(
        T.NET_MODEL,
        "announce: the bit is there until the driver acknowledges it, and only for drivers that can",
      ),
    ),
  },
  [`devicenormative:${CTRL} / Automatic receive steering in multiqueue mode`]: {
    "1-2": device("virtio/net.ts", PAIR_COUNT),
    3: device("virtio/net.ts", UNDER_RESET),
    4: deviates("with no receive queue left the back end keeps the frame, and gives it later", UNDER_RESET),
  },
  [`devicenormative:${CTRL} / Receive-side scaling (RSS) / RSS processing`]: { "1-2": notOffered(A.NO_RSS) },
  [`devicenormative:${CTRL} / RSS Context`]: { "1-2": notOffered(A.NO_CONTEXT) },
  [`devicenormative:${CTRL} / Notifications Coalescing`]: { "1-9": notOffered(A.NO_COAL) },
  [`devicenormative:${CTRL} / Device Statistics`]: { "1-7": notOffered(A.NO_STATS) },
  [`devicenormative:${OP} / Flow filter`]: { "1-22": notOffered(A.NO_FLOW) },
  [`devicenormative:${OP} / IPsec Operation`]: { "1-10": notOffered(A.NO_IPSEC) },
  "unlabelled:device-types/net/description.tex:146": { 1: notOffered(A.NO_IPSEC) },
  "unlabelled:device-types/net/description.tex:1466": { 1: notOffered(A.NO_RSS) },
  "unlabelled:device-types/net/description.tex:1469": { 1: notOffered(A.NO_RSS) },
  "unlabelled:device-types/net/description.tex:1471": { 1: notOffered(A.NO_RSS) },
  "unlabelled:device-types/net/description.tex:2041": {
    1: device("virtio/net_steering.ts", test(T.PAIRS, FLOWS)),
  },
  "unlabelled:device-types/net/description.tex:2044": {
    1: device("virtio/net_steering.ts", test(T.PAIRS, FLOWS)),
  },
  "unlabelled:device-types/net/description.tex:2086": { 1: notOffered(A.NO_RSS) },
};
