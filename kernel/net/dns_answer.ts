import {
  decodeDns,
  DNS_CLASS_IN,
  DNS_NO_SUCH_NAME,
  DNS_OK,
  DNS_TYPE_A,
  DNS_TYPE_CNAME,
} from "../../inet/dns.ts";

/** How many aliases a name may have one after the other. */
const MAX_ALIASES = 16;
/** How long it is remembered that a name has no address. Seconds. */
const NEGATIVE_TTL = 10;

/** What a server said of a name. */
export interface DnsAnswer {
  /** None: there is no such name, or it has no IPv4 address. */
  readonly addresses: readonly number[];
  /** Seconds. */
  readonly ttl: number;
}

/**
 * Reads a server's answer to the question for `name`'s addresses.
 *
 * @returns undefined if it is no answer to that; `failed` if the server cannot say; `truncated` if it must be asked over TCP.
 */
export function readAnswer(
  bytes: Uint8Array,
  id: number,
  name: string,
): DnsAnswer | "failed" | "truncated" | undefined {
  const message = decodeDns(bytes);
  if (typeof message === "string" || !message.response || message.id !== id) return undefined;
  const [question] = message.questions;
  if (message.questions.length !== 1 || question.type !== DNS_TYPE_A || !same(question.name, name)) {
    return undefined;
  }
  if (message.truncated) return "truncated";
  if (message.code === DNS_NO_SUCH_NAME) return { addresses: [], ttl: NEGATIVE_TTL };
  if (message.code !== DNS_OK) return "failed";
  let wanted = name, ttl = Infinity;
  for (let aliases = 0; aliases <= MAX_ALIASES; aliases++) {
    const of = message.answers.filter((a) => a.class === DNS_CLASS_IN && same(a.name, wanted));
    const found = of.filter((a) => a.type === DNS_TYPE_A && a.address !== undefined);
    if (found.length > 0) {
      for (const record of found) ttl = Math.min(ttl, record.ttl);
      return { addresses: found.map((a) => a.address!), ttl };
    }
    const alias = of.find((a) => a.type === DNS_TYPE_CNAME && a.target !== undefined);
    if (alias === undefined) break;
    ttl = Math.min(ttl, alias.ttl);
    wanted = alias.target!;
  }
  return { addresses: [], ttl: NEGATIVE_TTL };
}

function same(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
