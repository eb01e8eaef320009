import { ETHERNET_HEADER, etherType, ETHERTYPE_IPV4, writeEthernet } from "../../../inet/ethernet.ts";
import { Ipv4Header, PROTOCOL_TCP, readIpv4, writeIpv4 } from "../../../inet/ipv4.ts";
import { Tcp, type TcpConnection } from "../../../inet/tcp/mod.ts";
import { arp, GATEWAY, ip, MAC } from "./frames.ts";
import type { Card } from "./support.ts";

const HEADERS = ETHERNET_HEADER + 20;

/** A guest that speaks TCP through a card: the same TCP as the other side's, on the other side of the wire. */
export class GuestTcp {
  readonly tcp: Tcp;
  private readonly header = new Ipv4Header();

  constructor(private readonly card: Card, readonly address = ip("10.0.2.15")) {
    let seed = 7;
    this.tcp = new Tcp({
      headroom: HEADERS,
      send: (source, destination, bytes, start, end) => {
        const at = start - HEADERS;
        writeEthernet(bytes, at, GATEWAY, MAC, ETHERTYPE_IPV4);
        writeIpv4(bytes, at + ETHERNET_HEADER, source, destination, PROTOCOL_TCP, end - start, 1);
        this.out.push(bytes.slice(at, end));
        return true;
      },
      random32: () => seed = Math.imul(seed, 1664525) + 1013904223 >>> 0,
      mtu: () => 1500,
    });
    card.backend.send(arp("10.0.2.15", "10.0.2.2"));
    card.pass(0);
    card.received.length = 0;
  }
  private readonly out: Uint8Array[] = [];

  connect(to: string): TcpConnection {
    const [address, port] = to.split(":");
    const remote = { address: ip(address), port: Number(port) };
    return this.tcp.connect({ address: this.address, port: 0 }, remote, this.card.clock.now())!;
  }

  /** Lets `ns` pass in steps, while everything that can go on does. */
  run(ns = 5_000_000, step = 100_000, each: () => void = () => {}): void {
    const { card, tcp, header } = this;
    for (let passed = 0; passed <= ns; passed += step) {
      card.backend.deliver?.();
      for (const frame of card.received.splice(0)) {
        if (etherType(frame) !== ETHERTYPE_IPV4) continue;
        if (readIpv4(header, frame, ETHERNET_HEADER, frame.length) !== undefined) continue;
        if (header.protocol !== PROTOCOL_TCP) continue;
        tcp.input(header.source, header.destination, frame, header.payload, header.end, card.clock.now());
      }
      tcp.poll(card.clock.now());
      each();
      tcp.poll(card.clock.now());
      for (const frame of this.out.splice(0)) card.backend.send(frame);
      card.pass(step);
    }
  }
}

/** Everything that can be read now. */
export function readAll(connection: TcpConnection): Uint8Array {
  const bytes = new Uint8Array(connection.readable);
  connection.read(bytes);
  return bytes;
}
