/**
 * Ground floor: the internet's protocols as layouts and pure state machines, without devices, sockets or clocks of their
 * own. The guest's network stack and the host's user-mode network are both made of them.
 *
 * - Layouts: `ethernet.ts`, `arp.ts`, `ipv4.ts`, `icmp.ts`, `udp.ts`, `tcp_header.ts`, `dhcp.ts`, `dns.ts`; and what they
 *   share: `addresses.ts`, `checksum.ts`. Readers fill an object that serves for any number of packets and return what is
 *   wrong, or undefined; nothing here throws on bytes from the wire. Offsets are into the array given: no header is ever
 *   copied or sliced.
 * - State: `reassembly.ts` (fragments), `tcp/` (TCP). Time comes in as nanoseconds, chance as a function.
 */
