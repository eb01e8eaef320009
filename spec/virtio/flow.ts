const TYPE = 12, IPV4 = 0x0800, IPV6 = 0x86dd;
/** Offsets in a frame without a VLAN tag. */
const V4 = { HEADER: 14, FRAGMENT: 20, PROTOCOL: 23, ADDRESSES: 26 } as const;
const V6 = { NEXT: 20, ADDRESSES: 22, PORTS: 54 } as const;
const TCP = 6, UDP = 17;

/**
 * A number from 0 to 65535 that all frames of one connection have in common, in either direction: from addresses, and
 * ports of TCP and UDP. 0 for what is not IP. Frames with the same number go to the same pair of queues (virtio 1.4,
 * 5.1.6.5.5).
 */
export function flowHash(frame: Uint8Array): number {
  const type = frame[TYPE] << 8 | frame[TYPE + 1];
  let hash = 0;
  let ports = -1;
  if (type === IPV4) {
    hash = word(frame, V4.ADDRESSES) ^ word(frame, V4.ADDRESSES + 4);
    const whole = (frame[V4.FRAGMENT] & 0x3f | frame[V4.FRAGMENT + 1]) === 0;
    if (whole && hasPorts(frame[V4.PROTOCOL])) ports = V4.HEADER + 4 * (frame[V4.HEADER] & 0x0f);
  } else if (type === IPV6) {
    for (let i = 0; i < 32; i += 4) hash ^= word(frame, V6.ADDRESSES + i);
    if (hasPorts(frame[V6.NEXT])) ports = V6.PORTS;
  } else return 0;
  if (ports >= 0) hash ^= (frame[ports] ^ frame[ports + 2]) << 8 | (frame[ports + 1] ^ frame[ports + 3]);
  // Neighbouring addresses and ports shall not all meet in the low bits.
  return Math.imul(hash ^ hash >>> 16, 0x9e37_79b1) >>> 16;
}

const hasPorts = (protocol: number) => protocol === TCP || protocol === UDP;

function word(frame: Uint8Array, at: number): number {
  return frame[at] << 24 | frame[at + 1] << 16 | frame[at + 2] << 8 | frame[at + 3];
}
