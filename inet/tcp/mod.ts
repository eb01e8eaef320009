/**
 * TCP per RFC 9293: a pure, deterministic state machine that is used by the guest's stack and by the host's user-mode
 * network.
 *
 * Retransmission as in RFC 6298 and RFC 8985 (RACK-TLP, with selective acknowledgments where the peer knows them and
 * NewReno where not), congestion control as in RFC 5681, window scale (RFC 7323), blind attacks as in RFC 5961.
 *
 *     const tcp = new Tcp({ send, random32, mtu: () => 1500 });
 *     const listener = tcp.listen({ address: 0, port: 80 });
 *     listener.onChange = () => { const connection = listener.accept(); ... };
 *     tcp.input(source, destination, frame, start, end, now);     // for each segment that arrives, then
 *     tcp.poll(now);                                              // and again at tcp.nextDeadline()
 */
export { Tcp } from "./tcp.ts";
export type * from "./types.ts";
