import { sleep, type Task, wait } from "../executor.ts";
import type { Executor } from "../executor.ts";
import { SocketError } from "./errors.ts";
import { EchoSocket } from "./echo_socket.ts";
import { Resolver } from "./resolver.ts";
import { NetService } from "./service.ts";
import type { Socket } from "./socket.ts";
import type { NetStack } from "./stack.ts";
import { TcpSocket } from "./tcp_socket.ts";
import { UdpSocket } from "./udp_socket.ts";

/** Sockets that are open at once. */
const MAX_SOCKETS = 20_000;
/** How often the end of connections is looked for, and how long at most. Nanoseconds of machine time. */
const DRAIN_STEP = 1e6, DRAIN_PATIENCE = 5e9;

/**
 * The network as applications have it: sockets and names. The stack behind it is run by a task called `net`, from the
 * first socket on.
 *
 * ```ts ignore
 * const server = net.stream();
 * server.setsockopt("SO_REUSEADDR", true);
 * server.bind({ address: 0, port: 9975 });
 * server.listen();
 * const client = yield* server.accept();
 * yield* client.send(new TextEncoder().encode("hello\n"));
 * client.close();
 * ```
 */
export class Net {
  readonly resolver = new Resolver(this);
  /** Sockets that were not closed. */
  readonly sockets = new Set<Socket>();
  private readonly service: NetService;

  /** @param relax lets a little time pass: the platform's `relax`. */
  constructor(readonly stack: NetStack, readonly executor: Executor, relax: () => void) {
    this.service = new NetService(stack, executor, relax);
  }

  /** `socket(AF_INET, SOCK_STREAM)`: TCP. @throws {SocketError} EMFILE */
  stream(): TcpSocket {
    return this.opened(new TcpSocket(this));
  }
  /** `socket(AF_INET, SOCK_DGRAM)`: UDP. @throws {SocketError} EMFILE */
  dgram(): UdpSocket {
    return this.opened(new UdpSocket(this));
  }
  /** `socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)`: echoes, as Linux's ping sockets. @throws {SocketError} EMFILE, ENOBUFS */
  echo(): EchoSocket {
    return this.opened(new EchoSocket(this));
  }

  /** Adds a socket to {@link Net.sockets}. */
  opened<T extends Socket>(socket: T): T {
    if (this.sockets.size >= MAX_SOCKETS) {
      socket.close();
      throw new SocketError("EMFILE", "socket");
    }
    this.service.start();
    this.sockets.add(socket);
    return socket;
  }

  /** Lets the stack work though nobody has a socket: it answers for its addresses. */
  start(): void {
    this.service.start();
  }

  /** Waits until every card that asks for an address has one, or `patience` ns are over. Whether all have. */
  *configured(patience: number): Task<boolean> {
    const { stack, executor } = this;
    const isReady = () =>
      stack.cards.every((c) => !c.linkUp || c.address !== 0 || stack.dhcp.of(c) === undefined);
    const end = executor.now() + patience;
    while (!isReady() && executor.now() < end) {
      yield* wait(this.service.until(stack.configured, end));
    }
    return isReady();
  }

  /**
   * What becomes of sockets when a process ends: they are closed, and what was written still goes out. Waits for that, but
   * no longer than five seconds.
   */
  *drain(): Task<void> {
    for (const socket of [...this.sockets]) socket.close();
    if (this.stack.interfaces.every((i) => i.counters.txFrames === 0)) return;
    const end = this.executor.now() + DRAIN_PATIENCE;
    // Once at least: what is with a card needs time to leave it.
    do yield* sleep(this.executor, DRAIN_STEP); while (this.executor.now() < end && this.isSending());
  }

  /** The machine ends: peers are told. */
  close(): void {
    this.service.stop();
    this.stack.close(this.executor.now());
  }

  private isSending(): boolean {
    for (const { state, unacknowledged } of this.stack.tcpConnections) {
      if (unacknowledged > 0 || state === "FIN-WAIT-1" || state === "CLOSING" || state === "LAST-ACK") {
        return true;
      }
    }
    for (const endpoint of this.stack.udp.list()) if (endpoint.unsent.length > 0) return true;
    return false;
  }
}
