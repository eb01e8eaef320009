import { NetF } from "../../../../spec/virtio/features.ts";
import { NetGso } from "../../../../spec/virtio/net.ts";
import { headersLength, ipLayout } from "./layout.ts";
import { gsoKind, TUNNEL } from "./tx_gso.ts";
import { transmitRule, type Transmitted } from "./tx_rule.ts";

const TX = "drivernormative:Device Types / Network Device / Device Operation / Packet Transmission";
const SECTION = "virtio 1.4, 5.1.6.2.1";

/** Bytes of headers in a frame that is to be cut; undefined if they cannot be told. */
function headers({ packet }: Transmitted): number | undefined {
  if (gsoKind(packet.gsoType) === NetGso.NONE || (packet.gsoType & TUNNEL) !== 0) return undefined;
  const layout = ipLayout(packet.frame);
  return layout?.protocol === undefined ? undefined : headersLength(packet.frame, layout);
}

const HDR_LEN_HINT =
  "Count from the start of the Ethernet frame up to the transport's payload, TCP options included; the virtio header " +
  "does not count.";

export const NET_TX_HDR_LEN_EXACT = transmitRule(
  {
    id: "net-tx-hdr-len-exact",
    clauses: [`${TX}#34`],
    level: "violation",
    section: SECTION,
    title: "With GUEST_HDRLEN hdr_len of a frame to be cut is the exact length of its headers",
    hint: HDR_LEN_HINT,
  },
  (sent) => {
    const length = sent.device.has(NetF.GUEST_HDRLEN) ? headers(sent) : undefined;
    if (length === undefined || sent.packet.hdrLen === length) return undefined;
    return { found: `hdr_len is ${sent.packet.hdrLen}`, expected: `${length}` };
  },
);

export const NET_TX_HDR_LEN = transmitRule(
  {
    id: "net-tx-hdr-len",
    clauses: [`${TX}#35`],
    level: "warning",
    section: SECTION,
    title: "hdr_len of a frame to be cut covers its headers",
    hint: HDR_LEN_HINT,
  },
  (sent) => {
    const length = sent.device.has(NetF.GUEST_HDRLEN) ? undefined : headers(sent);
    if (length === undefined || sent.packet.hdrLen >= length) return undefined;
    return { found: `hdr_len is ${sent.packet.hdrLen}`, expected: `at least ${length}` };
  },
);
