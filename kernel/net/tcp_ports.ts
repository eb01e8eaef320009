/** Which ports TCP sockets may be bound to. */
import { UNSPECIFIED } from "../../inet/addresses.ts";
import { SocketError } from "./errors.ts";
import type { Net } from "./net.ts";
import type { SocketAddress } from "./socket.ts";
import { TcpSocket } from "./tcp_socket.ts";

/** Ports to choose from (RFC 6335, 6). */
const FIRST_PORT = 49152, PORTS = 16384;

/**
 * Whether `local` is somebody else's. With SO_REUSEADDR connections that have the port do not count, and neither do
 * sockets with SO_REUSEADDR that do not listen, as in Linux.
 */
export function isTaken(socket: TcpSocket, local: SocketAddress): boolean {
  const reuse = socket.getsockopt("SO_REUSEADDR");
  const meets = (other: SocketAddress) =>
    other.port === local.port &&
    (other.address === local.address || other.address === UNSPECIFIED || local.address === UNSPECIFIED);
  for (const other of socket.net.sockets) {
    if (other === socket || !(other instanceof TcpSocket) || other.ownPort === undefined) continue;
    const both = reuse && other.getsockopt("SO_REUSEADDR") && !other.isListening;
    if (meets(other.ownPort) && !both) return true;
  }
  if (reuse) return false;
  for (const connection of socket.net.stack.tcpConnections) if (meets(connection.local)) return true;
  return false;
}

/** A port that nobody has. @throws {SocketError} EADDRINUSE if there is none */
export function choosePort(net: Net): number {
  const taken = new Set<number>();
  for (const socket of net.sockets) if (socket instanceof TcpSocket) taken.add(socket.getsockname().port);
  for (const { local } of net.stack.tcpConnections) taken.add(local.port);
  const first = net.stack.random32();
  for (let i = 0; i < PORTS; i++) {
    const port = FIRST_PORT + (first + i) % PORTS;
    if (!taken.has(port)) return port;
  }
  throw new SocketError("EADDRINUSE", "bind");
}
