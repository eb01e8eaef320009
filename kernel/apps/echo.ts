/** Sends back what comes, over TCP and UDP (RFC 862). */
import type { Task } from "../executor.ts";
import type { Kernel } from "../kernel.ts";
import { SocketError, type TcpSocket, type UdpSocket } from "../net/mod.ts";
import { onInterrupt, placesOf, portArgument } from "./support.ts";

const BUFFER = 65_536;
/** Silence after which a connection is given up. Nanoseconds. */
const IDLE = 300e9;

/** `echo [port]`: until ^C. */
export function* echo(kernel: Kernel, args: readonly string[]): Task<number> {
  const port = portArgument(args[0]);
  const { net, console, executor } = kernel.parts;
  const tcp = net.stream(), udp = net.dgram();
  tcp.setsockopt("SO_REUSEADDR", true);
  tcp.bind({ address: 0, port });
  tcp.listen();
  udp.bind({ address: 0, port });
  console.write(`Echo on TCP and UDP: ${placesOf(kernel, port)}\n`);
  const datagrams = executor.spawn("echo udp", echoDatagrams(udp));
  const watch = onInterrupt(kernel, () => tcp.close());
  try {
    for (;;) executor.spawn("echo tcp", echoStream(yield* tcp.accept()));
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
  } finally {
    watch.cancel();
    datagrams.cancel();
    udp.close();
    tcp.close();
  }
  return 0;
}

/** Sends back what comes, until the client ends. */
export function* echoStream(client: TcpSocket): Task<void> {
  const buffer = new Uint8Array(BUFFER);
  try {
    client.setsockopt("TCP_NODELAY", true);
    client.setsockopt("SO_RCVTIMEO", IDLE);
    client.setsockopt("SO_SNDTIMEO", IDLE);
    for (let n; (n = yield* client.recv(buffer)) > 0;) yield* client.send(buffer.subarray(0, n));
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
  } finally {
    client.close();
  }
}

/** Sends datagrams back, until the socket is closed. */
export function* echoDatagrams(socket: UdpSocket): Task<void> {
  const buffer = new Uint8Array(BUFFER);
  for (;;) {
    try {
      const from = yield* socket.recvfrom(buffer);
      yield* socket.sendto(buffer.subarray(0, from.length), from);
    } catch (error) {
      if (!(error instanceof SocketError) || error.code === "EBADF") return;
      // An answer that could not be delivered is nobody else's business.
    }
  }
}
