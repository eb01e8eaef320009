/** What POSIX calls the errors of sockets; the text is what `strerror` says. */
const TEXT = {
  EACCES: "permission denied",
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "cannot assign requested address",
  EAFNOSUPPORT: "address family not supported",
  EAGAIN: "resource temporarily unavailable",
  EALREADY: "operation already in progress",
  EBADF: "bad file descriptor",
  ECONNABORTED: "connection aborted",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by peer",
  EDESTADDRREQ: "destination address required",
  EHOSTUNREACH: "no route to host",
  EINPROGRESS: "operation now in progress",
  EINVAL: "invalid argument",
  EISCONN: "transport endpoint is already connected",
  EMFILE: "too many open files",
  EMSGSIZE: "message too long",
  ENETDOWN: "network is down",
  ENETUNREACH: "network is unreachable",
  ENOBUFS: "no buffer space available",
  ENOPROTOOPT: "protocol not available",
  ENOTCONN: "transport endpoint is not connected",
  EOPNOTSUPP: "operation not supported",
  EPIPE: "broken pipe",
  EPROTONOSUPPORT: "protocol not supported",
  ETIMEDOUT: "connection timed out",
  EAI_AGAIN: "temporary failure in name resolution",
  EAI_FAIL: "non-recoverable failure in name resolution",
  EAI_NONAME: "name or service not known",
} as const;

/** An error's name in POSIX; those of `getaddrinfo` begin with `EAI_`. */
export type Errno = keyof typeof TEXT;

/** A call of a socket failed. `code` is the errno by name. */
export class SocketError extends Error {
  override name = "SocketError";
  /** @param call what failed: `connect 10.0.2.2:80` */
  constructor(readonly code: Errno, readonly call: string) {
    super(`${call}: ${TEXT[code]} (${code})`);
  }
}

/** What `strerror` says. */
export function errorText(code: Errno): string {
  return TEXT[code];
}
