/** Options of sockets by their names in POSIX and Linux. Sizes in bytes, times in nanoseconds of machine time. */
export interface SocketOptions {
  /** Binding to a port is possible while connections that are ending still have it. */
  SO_REUSEADDR: boolean;
  /** Datagrams may go to everyone. */
  SO_BROADCAST: boolean;
  SO_KEEPALIVE: boolean;
  /** Silence before the first probe, time between probes, probes without an answer. */
  TCP_KEEPIDLE: number;
  TCP_KEEPINTVL: number;
  TCP_KEEPCNT: number;
  /** Small segments go out at once (no Nagle). */
  TCP_NODELAY: boolean;
  /** How long what was sent may go unacknowledged; 0: as the stack has it. */
  TCP_USER_TIMEOUT: number;
  /** Most bytes that wait to be read, to be sent. Datagrams only: TCP's buffers grow as they are needed. */
  SO_RCVBUF: number;
  SO_SNDBUF: number;
  /** How long a call waits before it fails with EAGAIN; 0: for ever. */
  SO_RCVTIMEO: number;
  SO_SNDTIMEO: number;
  /** What `close` does with what was not sent: false sends it in the background, 0 resets the connection. */
  SO_LINGER: false | 0;
  /** Hops that a packet may take. Echoes only. */
  IP_TTL: number;
}

/** The name of an option. */
export type SocketOption = keyof SocketOptions;

/** What a new socket has. */
export const DEFAULT_OPTIONS: Readonly<SocketOptions> = {
  SO_REUSEADDR: false,
  SO_BROADCAST: false,
  SO_KEEPALIVE: false,
  TCP_KEEPIDLE: 7200e9,
  TCP_KEEPINTVL: 75e9,
  TCP_KEEPCNT: 9,
  TCP_NODELAY: false,
  TCP_USER_TIMEOUT: 0,
  SO_RCVBUF: 212992,
  SO_SNDBUF: 212992,
  SO_RCVTIMEO: 0,
  SO_SNDTIMEO: 0,
  SO_LINGER: false,
  IP_TTL: 64,
};

/** Whether `value` makes sense for `option`. */
export function isValidOption<K extends SocketOption>(option: K, value: SocketOptions[K]): boolean {
  if (option === "SO_LINGER") return value === false || value === 0;
  if (typeof value !== typeof DEFAULT_OPTIONS[option]) return false;
  return typeof value !== "number" || value >= (option === "IP_TTL" || option === "TCP_KEEPCNT" ? 1 : 0);
}
