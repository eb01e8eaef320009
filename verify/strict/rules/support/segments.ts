import type { Evidence } from "../../report.ts";
import type { Chain, Segment } from "../../model/chain.ts";
import type { MachineModel } from "../../model/machine.ts";

/** The buffers of a chain that the device reads (false), or writes (true). */
export const side = (chain: Chain, writable: boolean): Segment[] =>
  chain.segments.filter((s) => s.writable === writable);

/** Bytes of one side of a chain. */
export const lengthOf = (chain: Chain, writable: boolean): number =>
  side(chain, writable).reduce((sum, s) => sum + s.length, 0);

/** A stretch of memory. */
export interface Stretch {
  readonly address: number;
  readonly length: number;
}

/** Where bytes [start, end) of one side of a chain lie in memory. */
export function stretches(chain: Chain, writable: boolean, start: number, end: number): Stretch[] {
  const found: Stretch[] = [];
  let at = 0;
  for (const s of side(chain, writable)) {
    const from = Math.max(start, at), to = Math.min(end, at + s.length);
    if (from < to) found.push({ address: s.address + from - at, length: to - from });
    at += s.length;
  }
  return found;
}

/** Bytes [start, end) of one side of a chain, as far as there are any. */
export function gather(
  machine: MachineModel,
  chain: Chain,
  writable: boolean,
  start: number,
  end: number,
): Uint8Array {
  const parts = stretches(chain, writable, start, end);
  if (parts.length === 1) return machine.bytes(parts[0].address, parts[0].length);
  const bytes = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const { address, length } of parts) {
    bytes.set(machine.bytes(address, length), at);
    at += length;
  }
  return bytes;
}

/** Evidence: up to 32 bytes of one side of a chain. */
export function shownBytes(
  machine: MachineModel,
  chain: Chain,
  writable: boolean,
  what: string,
  start: number,
  end: number,
): Evidence[] {
  const bytes = gather(machine, chain, writable, start, Math.min(end, start + 32));
  if (bytes.length === 0) return [];
  const [first] = stretches(chain, writable, start, end);
  const value = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [{ what, address: first.address, value }];
}

/** Evidence: a buffer and its descriptor. */
export const shownSegment = (machine: MachineModel, s: Segment): Evidence => ({
  what: `descriptor of a ${s.writable ? "writable" : "readable"} buffer of ${s.length} bytes at 0x${
    s.address.toString(16)
  }`,
  address: s.descriptor,
  value: machine.hex(s.descriptor, 16),
});
