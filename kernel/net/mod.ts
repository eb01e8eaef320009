/**
 * The network stack (in smoltcp's place in Hermit) and the sockets over it.
 *
 * - On the wire: `interface.ts` (a card and its addresses), `loopback.ts`, `arp.ts` and `neighbors.ts`, `routes.ts`,
 *   `ip_input.ts` and `ip_output.ts`, `icmp.ts`, `udp.ts`, `tcp_carrier.ts` (TCP itself is `inet/tcp/`), `dhcp*.ts`.
 *   `stack.ts` holds them together behind `poll(now)`.
 * - For applications: `net.ts` makes sockets (`tcp_socket.ts`, `udp_socket.ts`, `echo_socket.ts`: POSIX's calls as tasks),
 *   `poll.ts` waits for several, `resolver.ts` finds addresses. `service.ts` is the task that runs the stack.
 * - `setup.ts` builds all that for a kernel.
 */
export { type Errno, errorText, SocketError } from "./errors.ts";
export { Net } from "./net.ts";
export { poll, type PollEntry } from "./poll.ts";
export { POLLERR, POLLHUP, POLLIN, POLLNVAL, POLLOUT, Socket, type SocketAddress } from "./socket.ts";
export type { SocketOption, SocketOptions } from "./socket_options.ts";
export { setUpNet } from "./setup.ts";
export { NetStack, type StackOptions } from "./stack.ts";
export { TcpSocket } from "./tcp_socket.ts";
export { UdpSocket } from "./udp_socket.ts";
export { type EchoReply, EchoSocket } from "./echo_socket.ts";
