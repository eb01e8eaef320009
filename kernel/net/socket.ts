import { formatAddress } from "../../inet/addresses.ts";
import { type Future, PENDING, type Task, wait, type Waker, WakerRegistration } from "../executor.ts";
import { type Errno, SocketError } from "./errors.ts";
import type { Net } from "./net.ts";
import { DEFAULT_OPTIONS, isValidOption, type SocketOption, type SocketOptions } from "./socket_options.ts";

/** An IPv4 address as an unsigned 32-bit number, and a port: POSIX's `sockaddr_in`. */
export interface SocketAddress {
  readonly address: number;
  readonly port: number;
}

/** What {@link Socket.revents} and `poll` say, with the values of Linux. */
export const POLLIN = 1, POLLOUT = 4, POLLERR = 8, POLLHUP = 16, POLLNVAL = 32;

/** What all sockets have. A call that must wait is a task: `const n = yield* socket.recv(buffer)`. */
export abstract class Socket {
  /** `O_NONBLOCK`: what would wait fails with EAGAIN (`connect`: EINPROGRESS) instead. */
  nonBlocking = false;
  /** Woken when {@link Socket.revents} may say something else. */
  readonly changed: WakerRegistration = new WakerRegistration();
  protected closed = false;
  /** Those that were set; others have their default. */
  private options: SocketOptions = DEFAULT_OPTIONS;

  constructor(readonly net: Net) {}

  /** `tcp`, `udp`, `icmp`. */
  abstract readonly protocol: string;
  /** What can be done without waiting: POLLIN, POLLOUT, POLLERR, POLLHUP together. */
  abstract revents(): number;
  abstract getsockname(): SocketAddress;
  /** @throws {SocketError} ENOTCONN */
  abstract getpeername(): SocketAddress;
  /** `getsockopt(SO_ERROR)`: what failed since the last look; it is told once. */
  abstract takeError(): Errno | undefined;
  /** An option has changed. */
  protected abstract applied(option: SocketOption): void;
  /** The socket goes. */
  protected abstract release(): void;

  /** @throws {SocketError} EINVAL, EBADF */
  setsockopt<K extends SocketOption>(option: K, value: SocketOptions[K]): void {
    this.check("setsockopt");
    if (!isValidOption(option, value)) throw new SocketError("EINVAL", `setsockopt ${option}=${value}`);
    this.options = { ...this.options, [option]: value };
    this.applied(option);
  }
  getsockopt<K extends SocketOption>(option: K): SocketOptions[K] {
    return this.options[option];
  }

  /** It takes connections. */
  get isListening(): boolean {
    return false;
  }
  get isClosed(): boolean {
    return this.closed;
  }

  /** Nothing more is done with the socket; whoever waits in one of its calls gets EBADF. Closing again does nothing. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.net.sockets.delete(this);
    this.release();
    this.changed.wake();
  }

  /** @throws {SocketError} EBADF after {@link Socket.close}. */
  protected check(call: string): void {
    if (this.closed) throw new SocketError("EBADF", call);
  }

  /**
   * Tries until `attempt` gives something but undefined; between two tries the socket must have changed.
   *
   * @param timeout nanoseconds; 0: none.
   * @throws {SocketError} EAGAIN when the time is over, or at once if the socket does not block.
   */
  protected *block<T>(call: string, timeout: number, attempt: () => T | undefined): Task<T> {
    this.check(call);
    const value = attempt();
    if (value !== undefined) return value;
    if (this.nonBlocking) throw new SocketError("EAGAIN", call);
    const timer = timeout > 0 ? this.net.executor.at(this.net.executor.now() + timeout) : undefined;
    return yield* wait(
      new Attempt(`${call} on ${this}`, this.changed, timer, () => {
        this.check(call);
        return attempt();
      }, () => new SocketError("EAGAIN", call)),
    );
  }

  toString(): string {
    const { address, port } = this.getsockname();
    return `${this.protocol} ${formatAddress(address)}:${port}`;
  }
}

/** Waits for a change, tries again. */
class Attempt<T> implements Future<T> {
  constructor(
    readonly waitingFor: string,
    private readonly changed: WakerRegistration,
    private readonly timer: Future<void> | undefined,
    private readonly attempt: () => T | undefined,
    private readonly late: () => Error,
  ) {}

  poll(waker: Waker): T | PENDING {
    try {
      const value = this.attempt();
      if (value !== undefined) {
        this.dropped();
        return value;
      }
    } catch (error) {
      this.dropped();
      throw error;
    }
    if (this.timer !== undefined && this.timer.poll(waker) !== PENDING) throw this.late();
    this.changed.register(waker);
    return PENDING;
  }
  dropped(): void {
    this.timer?.dropped?.();
  }
}
