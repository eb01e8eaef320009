/**
 * What the user-mode network needs of its host: sockets, as objects that never wait. Each calls `onEvent` when something
 * has changed; that is only a hint, given from outside the machine's time, and whoever gets it looks later.
 */

/** One TCP connection of the host. */
export interface HostStream {
  /** `ended`: no more will come, and all that came was taken. `failed`: it is gone. */
  readonly state: "connecting" | "open" | "ended" | "failed";
  /** Why it failed, for the log. */
  readonly failure?: string | undefined;
  /** The other end, an IPv4 address as a number; 0 if it has none. */
  readonly remoteAddress: number;
  readonly remotePort: number;
  /** Bytes that have arrived. The host reads on only when all of them were taken: so it is never read faster than used. */
  readonly input: Uint8Array;
  /** Removes the first `length` bytes of the input; at least one. */
  take(length: number): void;
  /** Where bytes to be sent are put, so that they need no further copy; empty: there is no room now. */
  readonly space: Uint8Array;
  /** The first `length` bytes of {@link HostStream.space} are there and are to be sent. */
  commit(length: number): void;
  /** Nothing more will be sent: the other end sees the end when it has got all. */
  end(): void;
  /** Gives the connection up, whatever is under way; no event follows. */
  abort(): void;
  onEvent: (() => void) | undefined;
}

/** A listening TCP socket of the host. */
export interface HostListener {
  readonly port: number;
  /** A connection that has come in. */
  accept(): HostStream | undefined;
  close(): void;
  onEvent: (() => void) | undefined;
}

export interface HostDatagram {
  readonly bytes: Uint8Array;
  /** Where it comes from, an IPv4 address as a number. */
  readonly address: number;
  readonly port: number;
}

/** A UDP socket of the host. */
export interface HostDatagrams {
  readonly port: number;
  /** Sends a datagram, or loses it. */
  send(bytes: Uint8Array, address: number, port: number): void;
  /** The next that has come in. */
  receive(): HostDatagram | undefined;
  close(): void;
  onEvent: (() => void) | undefined;
}

/** The host's network, as far as the guest may use it. */
export interface HostNetwork {
  /** Begins to connect; undefined if that is not allowed. */
  connect(address: number, port: number): HostStream | undefined;
  /** A UDP socket for the guest to talk to others from; undefined if that is not allowed. */
  datagrams(): HostDatagrams | undefined;
  /** Asks whoever answers the host's DNS questions; undefined if nobody did. Both are messages (RFC 1035, 4). */
  resolve(query: Uint8Array): Promise<Uint8Array | undefined>;
}

/** The sockets of `hostfwd`, one for each rule of the options, in their order. */
export type HostForward = HostListener | HostDatagrams;

/** A host that leads nowhere: nobody answers. */
export const NO_HOST: HostNetwork = {
  connect: () => undefined,
  datagrams: () => undefined,
  resolve: () => Promise.resolve(undefined),
};
