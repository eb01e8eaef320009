import type { Piece } from "./piece.ts";
import { KERNEL_PIECES } from "./pieces/kernel.ts";
import { KIN_FOUND_PIECES } from "./pieces/kin_found.ts";
import { KIN_PIECES } from "./pieces/kin.ts";
import { KIN_MMIO_PIECES } from "./pieces/kin_mmio.ts";
import { KIN_MORE_PIECES } from "./pieces/kin_more.ts";
import { KIN_RING_PIECES } from "./pieces/kin_rings.ts";
import { NET_PIECES } from "./pieces/net.ts";
import { PACKED_PIECES } from "./pieces/packed.ts";
import { SPLIT_PIECES } from "./pieces/split.ts";
import { TRANSPORT_PIECES } from "./pieces/transport.ts";

/** The museum's list by number: the commits of hermit-os/kernel that repaired each mistake. */
export const LIST: Readonly<Record<number, readonly string[]>> = {
  1: ["7184aa0d"],
  2: ["b496e9b8"],
  4: ["4e20fb2e"],
  6: ["46063a15"],
  7: ["a042e47f"],
  8: ["1723d3e4"],
  10: ["4d7a3dba"],
  11: ["16b3193b"],
  14: ["b7584c50"],
  16: ["8e20316a"],
  17: ["ce037fe0"],
  18: ["77637dd9"],
  19: ["2b900933"],
  21: ["ccba17cd"],
  22: ["1e564167"],
  23: ["ebe8bc3a"],
  25: ["7aae9722"],
  26: ["17953eff"],
  27: ["5cf80ebb"],
  29: ["437bb484", "185f4316"],
  31: ["fe93e7f2"],
  32: ["8764ef9e"],
  33: ["3344658d", "335135de", "fc0c5c3f", "6a71cc25"],
  34: ["3ccc4538"],
};

/** Every piece, by number; those that are kin of one follow. */
export const PIECES: readonly Piece[] = [
  ...[...SPLIT_PIECES, ...PACKED_PIECES, ...TRANSPORT_PIECES, ...NET_PIECES, ...KERNEL_PIECES]
    .sort((a, b) => a.number - b.number || a.id.localeCompare(b.id)),
  ...[...KIN_RING_PIECES, ...KIN_PIECES, ...KIN_MMIO_PIECES, ...KIN_MORE_PIECES, ...KIN_FOUND_PIECES].sort((
    a,
    b,
  ) => a.number - b.number || a.id.localeCompare(b.id)),
];
