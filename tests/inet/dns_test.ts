import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import {
  decodeDns,
  DNS_CLASS_IN,
  DNS_NO_SUCH_NAME,
  DNS_OK,
  DNS_TYPE_A,
  DNS_TYPE_CNAME,
  type DnsMessage,
  encodeDnsAnswer,
  encodeDnsName,
  encodeDnsQuery,
} from "../../inet/dns.ts";
import { hex, once, recorded } from "./_support.ts";

const UDP_PAYLOAD = 42;

function decoded(bytes: Uint8Array): DnsMessage {
  const message = decodeDns(bytes);
  if (typeof message === "string") throw new Error(message);
  return message;
}

once("DNS: our question is iPXE's, byte for byte", () => {
  const theirs = recorded("dns query").slice(UDP_PAYLOAD);
  assertEquals(encodeDnsQuery(0xb873, "www.example.org"), theirs);
  const message = decoded(theirs);
  assertEquals([message.id, message.response, message.recursionDesired], [0xb873, false, true]);
  assertEquals(message.questions, [{ name: "www.example.org", type: DNS_TYPE_A, class: DNS_CLASS_IN }]);
});

once("DNS: a real resolver's refusal", () => {
  const message = decoded(recorded("dns response").slice(UDP_PAYLOAD));
  assertEquals([message.id, message.response, message.code], [0xb873, true, DNS_NO_SUCH_NAME]);
  assertEquals(message.answers, []);
});

once("DNS: compressed names as RFC 1035, 4.1.4 draws them", () => {
  const bytes = new Uint8Array(49);
  bytes.set(hex("0001 8180 0004 0000 0000 0000"));
  // The RFC's four names, each in a question; offsets are as they come, rather than 20, 40, 64 and 92.
  const questions: [at: number, name: string][] = [
    [12, "01 46 03 49 53 49 04 41 52 50 41 00"],
    [28, "03 46 4f 4f c0 0c"],
    [38, "c0 12"],
    [44, "00"],
  ];
  for (const [at, name] of questions) {
    bytes.set(hex(name), at);
    bytes.set(hex("0001 0001"), at + hex(name).length);
  }
  assertEquals(decoded(bytes).questions.map((q) => q.name), ["F.ISI.ARPA", "FOO.F.ISI.ARPA", "ARPA", ""]);
});

once("DNS: an alias and its address", () => {
  const query = decoded(encodeDnsQuery(7, "www.example.org")!);
  const bytes = encodeDnsAnswer(query, DNS_OK, [
    {
      name: "www.example.org",
      type: DNS_TYPE_CNAME,
      class: DNS_CLASS_IN,
      ttl: 60,
      target: "host.example.org",
    },
    { name: "host.example.org", type: DNS_TYPE_A, class: DNS_CLASS_IN, ttl: 4294967295, address: 0xc0000201 },
  ])!;
  const answer = decoded(bytes);
  assertEquals([answer.id, answer.response, answer.code, answer.truncated], [7, true, DNS_OK, false]);
  assertEquals(answer.questions, query.questions);
  assertEquals(answer.answers[0].target, "host.example.org");
  assertEquals([answer.answers[1].address, answer.answers[1].ttl], [0xc0000201, 4294967295]);
});

once("DNS: what does not fit is left out, and said to be", () => {
  const query = decoded(encodeDnsQuery(7, "a.example")!);
  const record = { name: "a.example", type: DNS_TYPE_A, class: DNS_CLASS_IN, ttl: 1, address: 1 };
  const bytes = encodeDnsAnswer(query, DNS_OK, Array(100).fill(record))!;
  assert(bytes.length <= 512);
  const answer = decoded(bytes);
  assert(answer.truncated);
  assertEquals(answer.answers.length, Math.floor((512 - 12 - 15) / 16));
});

once("DNS: names that cannot exist", () => {
  assertEquals(encodeDnsName("example.org."), encodeDnsName("example.org"));
  assertEquals(encodeDnsName(""), hex("00"));
  assertEquals(encodeDnsName("a\\046b.c"), hex("03 61 2e 62 01 63 00"));
  for (
    const wrong of [
      "a..b",
      ".a",
      "a".repeat(64),
      Array(70).fill("abc").join("."),
      "a b",
      "ä.example",
      "a\\999",
      "a\\1",
    ]
  ) {
    assertEquals(encodeDnsName(wrong), undefined, wrong);
  }
  assert(encodeDnsName("a".repeat(63)) !== undefined);
});

once("DNS: pointers that lead in circles, forwards, or out of the message", () => {
  const question = (name: string) => {
    const bytes = hex(`0001 0100 0001 0000 0000 0000 ${name} 0001 0001`);
    return decodeDns(bytes);
  };
  assertEquals(question("c0 0c"), "name", "to itself");
  assertEquals(question("01 61 c0 0c"), "name", "to the name that it ends");
  assertEquals(question("c0 0e c0 0c"), "name", "forwards");
  assertEquals(question("c0 ff"), "name", "out");
  assertEquals(question("c0 00"), "name", "into the header");
  assertEquals(question("80 00"), "name", "reserved kind");
  assertEquals(question("3f 61"), "name", "cut off");
  assertEquals(decodeDns(hex("0001 0100 0001 0000 0000 0000 01 61 00 00")), "truncated");
  assertEquals(decodeDns(hex("0001 0100")), "truncated");
  assertEquals(decodeDns(hex("0001 8100 0000 ffff 0000 0000")), "truncated", "answers that are not there");
});

once("DNS: pointers to pointers are followed only as far as a name can have labels", () => {
  /** Questions whose names each point to the one before; the first is the root. */
  const chain = (length: number) => {
    const bytes = new Uint8Array(12 + 5 + 6 * length);
    bytes.set([0, 1, 1, 0, (length + 1) >>> 8, length + 1]);
    for (let i = 0, at = 17, before = 12; i < length; i++, before = at, at += 6) {
      bytes.set([0xc0 | before >>> 8, before & 255], at);
    }
    return decodeDns(bytes);
  };
  assertEquals((chain(127) as DnsMessage).questions?.length, 128);
  assertEquals(chain(128), "name");
  assertEquals(chain(2000), "name");
});

once("DNS: any bytes, and any bytes changed in a real message", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      decodeDns(bytes);
    }),
    { numRuns: 2000 },
  );
  const good = encodeDnsAnswer(decoded(encodeDnsQuery(7, "www.example.org")!), DNS_OK, [
    {
      name: "www.example.org",
      type: DNS_TYPE_CNAME,
      class: DNS_CLASS_IN,
      ttl: 60,
      target: "host.example.org",
    },
    { name: "host.example.org", type: DNS_TYPE_A, class: DNS_CLASS_IN, ttl: 60, address: 1 },
  ])!;
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 }), (changes) => {
      const bytes = good.slice();
      for (const [at, value] of changes) bytes[at] = value;
      decodeDns(bytes);
    }),
    { numRuns: 2000 },
  );
});
