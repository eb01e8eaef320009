/** Rules of the network device (virtio 1.4, 5.1). */
import type { Rule } from "../../rule.ts";
import {
  NET_CONFIG_READ_ONLY,
  NET_FEATURES_CONTROL,
  NET_FEATURES_WANTED,
  NET_STATUS_READ,
} from "./config.ts";
import { NET_ANNOUNCE, NET_CTRL_ANSWER } from "./ctrl_answer.ts";
import { NET_CTRL_FEATURE } from "./ctrl_feature.ts";
import { NET_CTRL_DATA, NET_CTRL_LAYOUT, NET_CTRL_MAC_TABLE } from "./ctrl_layout.ts";
import { NET_CTRL_OFFLOADS } from "./ctrl_offloads.ts";
import { NET_CTRL_PAIRS_QUEUES, NET_CTRL_PAIRS_RANGE } from "./ctrl_pairs.ts";
import { NET_MTU_READ } from "./mtu_read.ts";
import { NET_RX_POPULATED } from "./rx_populated.ts";
import { NET_TX_PAIR } from "./tx_pair.ts";
import { NET_CTRL_COALESCE, NET_CTRL_HASH_RESERVED, NET_CTRL_RSS } from "./ctrl_rss.ts";
import { NET_RX_WRITABLE, NET_TX_READABLE } from "./direction.ts";
import { NET_QUEUE_EXISTS } from "./queue_exists.ts";
import { NET_RX_BUFFER_SIZE, NET_RX_HEADER_FITS, NET_RX_ROOM } from "./rx_buffers.ts";
import { NET_RX_EMPTY } from "./rx_empty.ts";
import { NET_RX_FLAGS, NET_RX_HEADER_SIZE } from "./rx_header.ts";
import { NET_RX_SKIPPED } from "./rx_merged.ts";
import { NET_RX_NUM_BUFFERS } from "./rx_num_buffers.ts";
import { NET_RX_REST } from "./rx_rest.ts";
import { NET_TX_CHECKSUM_PLACE, NET_TX_PSEUDO_HEADER } from "./tx_checksum.ts";
import { NET_TX_COMPLETE, NET_TX_IP_CHECKSUM } from "./tx_complete.ts";
import { NET_TX_CUT_SHORT } from "./tx_cut_short.ts";
import { NET_MAC, NET_TX_MTU } from "./tx_frame.ts";
import { NET_TX_GSO_FEATURE, NET_TX_GSO_FIELDS, NET_TX_GSO_TUNNEL } from "./tx_gso.ts";
import { NET_TX_GSO_ECN, NET_TX_GSO_ECN_FEATURE } from "./tx_gso_ecn.ts";
import { NET_TX_HDR_LEN, NET_TX_HDR_LEN_EXACT } from "./tx_hdr_len.ts";
import {
  NET_TX_FLAGS,
  NET_TX_FLAGS_WITHOUT_CSUM,
  NET_TX_HEADER_SIZE,
  NET_TX_NUM_BUFFERS,
} from "./tx_header.ts";

export const NET_RULES: readonly Rule[] = [
  NET_CONFIG_READ_ONLY,
  NET_FEATURES_WANTED,
  NET_FEATURES_CONTROL,
  NET_STATUS_READ,
  NET_MAC,
  NET_QUEUE_EXISTS,
  NET_TX_READABLE,
  NET_TX_HEADER_SIZE,
  NET_TX_NUM_BUFFERS,
  NET_TX_FLAGS_WITHOUT_CSUM,
  NET_TX_FLAGS,
  NET_TX_CHECKSUM_PLACE,
  NET_TX_PSEUDO_HEADER,
  NET_TX_IP_CHECKSUM,
  NET_TX_COMPLETE,
  NET_TX_CUT_SHORT,
  NET_TX_GSO_FEATURE,
  NET_TX_GSO_FIELDS,
  NET_TX_GSO_TUNNEL,
  NET_TX_GSO_ECN,
  NET_TX_GSO_ECN_FEATURE,
  NET_TX_HDR_LEN_EXACT,
  NET_TX_HDR_LEN,
  NET_TX_MTU,
  NET_MTU_READ,
  NET_TX_PAIR,
  NET_RX_WRITABLE,
  NET_RX_HEADER_FITS,
  NET_RX_HEADER_SIZE,
  NET_RX_FLAGS,
  NET_RX_BUFFER_SIZE,
  NET_RX_ROOM,
  NET_RX_POPULATED,
  NET_RX_EMPTY,
  NET_RX_SKIPPED,
  NET_RX_REST,
  NET_RX_NUM_BUFFERS,
  NET_CTRL_LAYOUT,
  NET_CTRL_FEATURE,
  NET_CTRL_DATA,
  NET_CTRL_MAC_TABLE,
  NET_CTRL_PAIRS_RANGE,
  NET_CTRL_PAIRS_QUEUES,
  NET_CTRL_OFFLOADS,
  NET_CTRL_ANSWER,
  NET_ANNOUNCE,
  NET_CTRL_RSS,
  NET_CTRL_HASH_RESERVED,
  NET_CTRL_COALESCE,
];
