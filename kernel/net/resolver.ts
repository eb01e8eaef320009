/** Names to addresses: POSIX's `getaddrinfo` for IPv4, over DNS (RFC 1035; RFC 5452 for what makes an answer believable). */
import { LOOPBACK, parseAddress } from "../../inet/addresses.ts";
import { DNS_MAX, DNS_PORT, encodeDnsName, encodeDnsQuery } from "../../inet/dns.ts";
import type { Task } from "../executor.ts";
import { readAnswer } from "./dns_answer.ts";
import { DnsCache } from "./dns_cache.ts";
import { SocketError } from "./errors.ts";
import type { Net } from "./net.ts";

/** How long each round of questions waits for each server's answer. Nanoseconds. */
const ROUNDS = [1e9, 2e9, 4e9];
/** Bytes of an answer over TCP. */
const TCP_MAX = 65535;

export class Resolver {
  readonly cache = new DnsCache();
  /** Questions that were sent. */
  questions = 0;

  constructor(private readonly net: Net) {}

  /**
   * The addresses of a name, or of an address as text.
   *
   * @throws {SocketError} EAI_NONAME: it has none; EAI_AGAIN: nobody answered; EAI_FAIL: no one knows.
   */
  *getaddrinfo(name: string): Task<readonly number[]> {
    const numeric = parseAddress(name);
    if (numeric !== undefined) return [numeric];
    const wanted = name.toLowerCase().replace(/\.$/, "");
    // RFC 6761, 6.3.
    if (wanted === "localhost" || wanted.endsWith(".localhost")) return [LOOPBACK];
    if (wanted === "" || encodeDnsName(wanted) === undefined) throw new SocketError("EAI_NONAME", name);
    const known = this.cache.get(wanted, this.net.executor.now());
    const addresses = known ?? (yield* this.ask(wanted));
    if (addresses.length === 0) throw new SocketError("EAI_NONAME", name);
    return addresses;
  }

  private *ask(name: string): Task<readonly number[]> {
    const servers = this.net.stack.nameServers;
    let answered = false;
    for (const patience of ROUNDS) {
      for (const server of servers) {
        const answer = yield* this.askServer(server, name, patience);
        if (answer === undefined) continue;
        if (answer === "failed") {
          answered = true;
          continue;
        }
        this.cache.set(name, answer.addresses, answer.ttl, this.net.executor.now());
        return answer.addresses;
      }
      if (answered) break;
    }
    throw new SocketError(answered ? "EAI_FAIL" : "EAI_AGAIN", name);
  }

  /** Undefined: no answer in time. `failed`: an answer that helps nobody. */
  private *askServer(server: number, name: string, patience: number) {
    const { net } = this;
    // A number and a port that nobody can foresee (RFC 5452, 9.2): a new socket for each question.
    const id = net.stack.random32() & 0xffff;
    const query = encodeDnsQuery(id, name)!;
    const socket = net.dgram();
    try {
      const end = net.executor.now() + patience;
      socket.connect({ address: server, port: DNS_PORT });
      this.questions++;
      yield* socket.send(query);
      const buffer = new Uint8Array(DNS_MAX);
      for (;;) {
        socket.setsockopt("SO_RCVTIMEO", Math.max(1, end - net.executor.now()));
        const length = yield* socket.recv(buffer);
        const answer = readAnswer(buffer.subarray(0, length), id, name);
        if (answer === "truncated") return yield* this.askOverTcp(server, query, id, name, patience);
        // Anything else may be a forgery: the right one may still come.
        if (answer !== undefined) return answer;
      }
    } catch (error) {
      if (!(error instanceof SocketError)) throw error;
      return undefined;
    } finally {
      socket.close();
    }
  }

  /** RFC 7766, 5: what did not fit into a datagram. */
  private *askOverTcp(server: number, query: Uint8Array, id: number, name: string, patience: number) {
    const socket = this.net.stream();
    try {
      socket.setsockopt("SO_RCVTIMEO", patience);
      socket.setsockopt("SO_SNDTIMEO", patience);
      yield* socket.connect({ address: server, port: DNS_PORT });
      yield* socket.send(Uint8Array.of(query.length >>> 8, query.length, ...query));
      const head = new Uint8Array(2);
      if (!(yield* readAll(socket, head))) return undefined;
      const body = new Uint8Array(Math.min(TCP_MAX, head[0] << 8 | head[1]));
      if (!(yield* readAll(socket, body))) return undefined;
      const answer = readAnswer(body, id, name);
      return answer === "truncated" ? "failed" as const : answer;
    } finally {
      socket.close();
    }
  }
}

/** Fills `target`; false if the stream ends before. */
function* readAll(socket: { recv(target: Uint8Array): Task<number> }, target: Uint8Array): Task<boolean> {
  for (let done = 0; done < target.length;) {
    const n = yield* socket.recv(target.subarray(done));
    if (n === 0) return false;
    done += n;
  }
  return true;
}
