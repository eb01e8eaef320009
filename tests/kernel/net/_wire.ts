/** ARP packets and pings, for tests that look at the wire. */
import { assertEquals } from "@std/assert";
import { ArpPacket, readArp, writeArp } from "../../../inet/arp.ts";
import { ETHERTYPE_ARP, writeEthernet } from "../../../inet/ethernet.ts";
import type { Task } from "../../../kernel/executor.ts";
import { bytesOf, codeOf, type FakeCard, ip, type Machine, World } from "./_world.ts";

export const EVERYONE = new Uint8Array(6).fill(0xff);

/** The ARP packets among what a card has sent. */
export function arps(card: FakeCard): ArpPacket[] {
  return card.sent.filter((f) => f[12] === 8 && f[13] === 6).map((frame) => {
    const packet = new ArpPacket();
    assertEquals(readArp(packet, frame, 14, frame.length), undefined);
    return packet;
  });
}
export function arpFrame(
  operation: number,
  mac: Uint8Array,
  sender: string,
  target: string,
  to = EVERYONE,
): Uint8Array {
  const frame = new Uint8Array(60);
  writeArp(
    frame,
    writeEthernet(frame, 0, to, mac, ETHERTYPE_ARP),
    operation,
    mac,
    ip(sender),
    new Uint8Array(6),
    ip(target),
  );
  return frame;
}
export function pingOnce(world: World, a: Machine, address: string): string {
  return codeOf(() =>
    world.finish(a.spawn(
      "ping",
      (function* (): Task<void> {
        const socket = a.net.echo();
        socket.setsockopt("SO_RCVTIMEO", 5e9);
        yield* socket.sendto(bytesOf("x"), ip(address), 1);
        yield* socket.recvfrom();
      })(),
    ))
  );
}
