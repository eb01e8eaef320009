import { decodeDns, DNS_SERVER_FAILURE, encodeDnsAnswer } from "../../../inet/dns.ts";
import type { HostNetwork } from "./host.ts";

/** Questions that are under way; more are lost, and the guest asks again. */
const QUESTIONS = 64;

/** An answer for the guest. */
export interface DnsReply {
  readonly address: number;
  readonly port: number;
  readonly bytes: Uint8Array;
}

/** Hands the guest's DNS questions on to the host. Answers come from outside and wait here until they may enter. */
export class DnsRelay {
  private readonly replies: DnsReply[] = [];
  private asked = 0;

  constructor(private readonly host: HostNetwork, private readonly arrived: () => void) {}

  /** Whether an answer can still come. */
  get open(): boolean {
    return this.asked > 0 || this.replies.length > 0;
  }

  /** A question of the guest's `address` and `port`. */
  ask(address: number, port: number, question: Uint8Array): void {
    if (this.asked >= QUESTIONS) return;
    this.asked++;
    const query = question.slice();
    const done = (answer: Uint8Array | undefined) => {
      this.asked--;
      const bytes = answer ?? failure(query);
      if (bytes !== undefined) this.replies.push({ address, port, bytes });
      this.arrived();
    };
    this.host.resolve(query).then(done, () => done(undefined));
  }

  /** The next answer. */
  take(): DnsReply | undefined {
    return this.replies.shift();
  }
}

/** What a resolver says that could not ask (RFC 1035, 4.1.1); nothing to what is no question. */
function failure(query: Uint8Array): Uint8Array | undefined {
  const message = decodeDns(query);
  if (typeof message === "string" || message.response) return undefined;
  return encodeDnsAnswer(message, DNS_SERVER_FAILURE, []);
}
