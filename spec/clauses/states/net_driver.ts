import { notCheckable, notOffered, type States, tested } from "../state.ts";
import * as T from "./files.ts";
import * as A from "./net_absent.ts";

const N = "Device Types / Network Device";
const OP = `${N} / Device Operation`;
const CTRL = `${OP} / Control Virtqueue`;
const BUFFERS =
  "receive buffers hold what may come: 1526 bytes, 65601 with large packets, the MTU; every used queue has some";
const FIELDS = "what a driver makes of a field is within the driver; reading it is no mistake";
const HEADER = tested(
  T.DRIVER,
  "hdr_len of a received frame is not believed, and flags that nobody knows are passed over",
);

/** The network device: what drivers must do. */
export const netDriver: States = {
  [`drivernormative:${N} / Device configuration layout`]: {
    2: tested(T.OFFLOAD, "from card to card: a checksum is never filled in where both sides cope"),
    4: tested(
      T.HOSTILE_NET,
      "without MAC the card has an address of its own making, the same each time, and tells the device",
    ),
    5: tested(T.DRIVER, "without STATUS the link counts as up, whatever the configuration says"),
    6: tested(T.LINK, "the link goes down and up again; the driver is told (${machine} ${word})"),
    7: tested(T.LINK, "the environment: HERMIT_MTU where the device says none; nonsense is logged and left"),
    "11-12": notOffered(A.NO_SPEED),
  },
  [`drivernormative:${OP} / Packet Transmission`]: {
    4: tested(
      "tests/kernel/net/tcp_socket_test.ts",
      "a bad wire: loss, duplication, reordering, damage; checksums by the card: ${fillsChecksums}",
    ),
    5: notOffered(A.NO_OUT_HEADER),
    6: notCheckable(T.UNUSED),
    8: notCheckable(T.UNUSED),
    10: notCheckable(T.UNUSED),
    12: notOffered("no card offers HOST_USO"),
    16: notOffered(A.NO_TUNNEL),
    "18-19": notOffered(A.NO_TUNNEL),
    27: tested(
      T.HOSTILE_NET,
      "CSUM: the header says where the checksum goes, and says nothing in the next frame of the same buffer",
    ),
    "36-41": notOffered(A.NO_TUNNEL),
    44: notOffered(A.NO_HDRLEN),
    "47-48": notOffered(A.NO_IPSEC),
  },
  [`drivernormative:${OP} / Setting Up Receive Buffers`]: {
    "1-2": tested(T.DRIVER, BUFFERS),
    5: tested(T.DRIVER, BUFFERS),
  },
  [`drivernormative:${OP} / Processing of Incoming Packets`]: {
    1: [HEADER, notCheckable(FIELDS)],
    "2-3": notOffered(A.NO_OUT_HEADER),
    4: [
      tested(T.HOSTILE_NET, "flags: only with GUEST_CSUM, and a checksum's place must lie in the frame"),
      notCheckable(FIELDS),
    ],
    5: notCheckable(T.UNUSED),
    6: [HEADER, notCheckable(FIELDS)],
    7: tested(
      "tests/kernel/net/tcp_socket_test.ts",
      "a bad wire: loss, duplication, reordering, damage; checksums by the card: ${fillsChecksums}",
    ),
    "8-10": notOffered(A.NO_TUNNEL),
  },
  [`drivernormative:${CTRL} / Inner Header Hash`]: {
    "2-3": notOffered(A.NO_HASH_TUNNEL),
  },
  [`drivernormative:${CTRL} / Setting MAC Address Filtering`]: {
    2: tested(
      T.HOSTILE_NET,
      "a control queue that answers errors, nonsense or nothing: a warning, and the card goes on",
    ),
    4: notCheckable(T.UNUSED),
  },
  [`drivernormative:${CTRL} / Gratuitous Packet Sending`]: {
    1: tested(
      T.LINK,
      "the device asks to be announced: the driver tells its owner, and answers (${machine} ${word})",
    ),
  },
  [`drivernormative:${CTRL} / RSS Context`]: {
    "2-3": notOffered(A.NO_CONTEXT),
  },
  [`drivernormative:${CTRL} / Notifications Coalescing`]: {
    4: notOffered(A.NO_COAL),
  },
  [`drivernormative:${CTRL} / Device Statistics`]: { "1-3": notOffered(A.NO_STATS) },
  [`drivernormative:${OP} / Flow filter`]: { "1-13": notOffered(A.NO_FLOW) },
  [`drivernormative:${OP} / IPsec Operation`]: { "1-7": notOffered(A.NO_IPSEC) },
  "unlabelled:device-types/net/description.tex:669": { 1: notOffered(A.NO_OUT_HEADER) },
  "unlabelled:device-types/net/description.tex:3579": { 1: notOffered(A.NO_IPSEC) },
};
