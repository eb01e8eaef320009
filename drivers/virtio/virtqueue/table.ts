import { DescF } from "../../../spec/virtio/split.ts";
import type { AvailBufferToken } from "./token.ts";

const NEXT = DescF.NEXT;
const WRITE = DescF.WRITE;

/** Writes a token's indirect table. Split: chained by `next`; packed: WRITE only (virtio 1.4, 2.7.5.3, 2.8.7). */
export function writeTable(token: AvailBufferToken, split: boolean): void {
  const table = token.table!;
  const memory = table.memory;
  const n = token.descriptors;
  const sends = token.sendBuff.length;
  let at = table.offset;
  for (let i = 0; i < n; i++, at += 16) {
    const readable = i < sends;
    const vec = (readable ? token.sendBuff[i] : token.recvBuff[i - sends]).vec;
    memory.writeU32(at, vec.physLo);
    memory.writeU32(at + 4, vec.physHi);
    memory.writeU32(at + 8, readable ? vec.len : vec.capacity);
    const flags = readable ? 0 : WRITE;
    // Hermit fills `next` of the last entry too, where it has no meaning; the bytes shall be the same.
    memory.writeU32(at + 12, split ? flags | (i + 1 < n ? NEXT : 0) | ((i + 1) << 16) : flags << 16);
  }
}
