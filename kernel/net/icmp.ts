/** ICMP (RFC 792; RFC 1122, 3.2.2): answers echoes, tells senders of what cannot be delivered, hears the same of others. */
import { BROADCAST, isMulticast, UNSPECIFIED } from "../../inet/addresses.ts";
import {
  EXCEEDED_REASSEMBLY,
  ICMP_ECHO,
  ICMP_ECHO_REPLY,
  ICMP_HEADER,
  ICMP_PARAMETER_PROBLEM,
  ICMP_TIME_EXCEEDED,
  ICMP_UNREACHABLE,
  IcmpMessage,
  readIcmp,
  UNREACHABLE_FRAGMENTATION,
  UNREACHABLE_PORT,
  UNREACHABLE_PROTOCOL,
  writeIcmp,
  writeIcmpError,
} from "../../inet/icmp.ts";
import { Ipv4Header, PROTOCOL_ICMP, readQuotedIpv4 } from "../../inet/ipv4.ts";
import type { TcpUnreachable } from "../../inet/tcp/mod.ts";
import type { Packet } from "./ip_input.ts";
import { HEADROOM, type IpOutput } from "./ip_output.ts";
import { RateLimit } from "./rate_limit.ts";
import type { Path, Routes } from "./routes.ts";

/** Errors sent at once, and how often another one (as Linux's icmp_msgs_burst and icmp_msgs_per_sec). */
const ERROR_BURST = 50, ERROR_INTERVAL = 1e6;

/** What came back for a packet of ours; its transport's header is in [start, end) of `bytes`. */
export interface IcmpReport {
  /** Our address, and the one that was not reached. */
  readonly local: number;
  readonly remote: number;
  readonly protocol: number;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  readonly kind: TcpUnreachable;
  /** The next hop's MTU with `fragmentation`. */
  readonly mtu: number;
}

export interface IcmpEvents {
  /** An answer to an echo that was sent with {@link Icmp.sendEcho}. */
  echoReply(from: number, id: number, bytes: Uint8Array, start: number, end: number): void;
  /** Something that we sent did not arrive. */
  report(report: IcmpReport): void;
}

export interface IcmpCounters {
  malformed: number;
  echoesAnswered: number;
  errorsIn: number;
  errorsOut: number;
  /** Errors that were not sent since there were too many. */
  limited: number;
}

export class Icmp {
  readonly counters: IcmpCounters = {
    malformed: 0,
    echoesAnswered: 0,
    errorsIn: 0,
    errorsOut: 0,
    limited: 0,
  };
  private readonly message = new IcmpMessage();
  private readonly quoted = new Ipv4Header();
  private readonly limit = new RateLimit(ERROR_BURST, ERROR_INTERVAL);

  /** @param scratch where packets are built: {@link HEADROOM} and the largest payload. */
  constructor(
    private readonly routes: Routes,
    private readonly output: IpOutput,
    private readonly events: IcmpEvents,
    private readonly scratch: Uint8Array,
  ) {}

  input(packet: Packet): void {
    const { message, counters } = this;
    const { header, bytes } = packet;
    if (readIcmp(message, bytes, header.payload, header.end) !== undefined) {
      counters.malformed++;
      return;
    }
    if (message.type === ICMP_ECHO) {
      if (!packet.isGroup) this.answer(packet);
    } else if (message.type === ICMP_ECHO_REPLY) {
      this.events.echoReply(header.source, message.id, bytes, header.payload, header.end);
    } else if (message.isError) {
      counters.errorsIn++;
      this.heard(bytes, message.payload, header.end);
    }
  }

  /** Tells the sender of `packet` that it did not reach what it was meant for. */
  unreachable(packet: Packet, code: typeof UNREACHABLE_PORT | typeof UNREACHABLE_PROTOCOL): void {
    if (packet.isGroup) return;
    const { header, bytes } = packet;
    this.sendError(ICMP_UNREACHABLE, code, header, bytes, packet.now);
  }

  /** Tells the sender of the packet at the beginning of `bytes` that the rest of it did not come in time. */
  reassemblyTimeout(bytes: Uint8Array, now: number): void {
    if (readQuotedIpv4(this.quoted, bytes, 0, bytes.length) !== undefined) return;
    this.sendError(ICMP_TIME_EXCEEDED, EXCEEDED_REASSEMBLY, this.quoted, bytes, now);
  }

  /**
   * Reports that the packet of ours in [start, end) of `bytes` did not arrive: nobody on the wire has the address, or an
   * ICMP error has said so.
   */
  lost(bytes: Uint8Array, start: number, end: number, kind: TcpUnreachable, mtu = 0): void {
    const { quoted } = this;
    if (readQuotedIpv4(quoted, bytes, start, end) !== undefined || !this.routes.isOwn(quoted.source)) return;
    // Only the first fragment has the transport's header.
    if (quoted.fragmentOffset !== 0) return;
    this.events.report({
      local: quoted.source,
      remote: quoted.destination,
      protocol: quoted.protocol,
      bytes,
      start: quoted.payload,
      end: quoted.end,
      kind,
      mtu,
    });
  }

  /** Sends an echo. False if the card has no room. */
  sendEcho(path: Path, id: number, sequence: number, data: Uint8Array, ttl?: number): boolean {
    const { scratch } = this;
    const end = HEADROOM + ICMP_HEADER + data.length;
    scratch.set(data, HEADROOM + ICMP_HEADER);
    writeIcmp(scratch, HEADROOM, end, ICMP_ECHO, 0, id, sequence);
    return this.output.sendDatagram(path, path.source, PROTOCOL_ICMP, scratch, HEADROOM, end, false, ttl);
  }

  private answer({ header, bytes }: Packet): void {
    const path = this.routes.path(header.source);
    if (path === undefined || path.isGroup) return;
    const { message, scratch } = this;
    const end = HEADROOM + header.end - header.payload;
    scratch.set(bytes.subarray(header.payload, header.end), HEADROOM);
    writeIcmp(scratch, HEADROOM, end, ICMP_ECHO_REPLY, 0, message.id, message.sequence);
    // The answer comes from the address that was asked (RFC 1122, 3.2.2.6). A full card loses it, as a wire would.
    if (!this.output.sendDatagram(path, header.destination, PROTOCOL_ICMP, scratch, HEADROOM, end)) return;
    this.counters.echoesAnswered++;
  }

  private heard(bytes: Uint8Array, start: number, end: number): void {
    const { type, code, nextHopMtu } = this.message;
    if (type === ICMP_UNREACHABLE) {
      const kind = code === UNREACHABLE_FRAGMENTATION
        ? "fragmentation"
        : code === UNREACHABLE_PORT || code === UNREACHABLE_PROTOCOL
        ? "port"
        : "host";
      this.lost(bytes, start, end, kind, nextHopMtu);
    } else if (type === ICMP_TIME_EXCEEDED || type === ICMP_PARAMETER_PROBLEM) {
      this.lost(bytes, start, end, "host");
    }
  }

  /** RFC 1122, 3.2.2: not about an error, a later fragment, or a packet from or for more than one machine. */
  private sendError(type: number, code: number, header: Ipv4Header, bytes: Uint8Array, now: number): void {
    const { source, destination, protocol } = header;
    if (source === UNSPECIFIED || source === BROADCAST || isMulticast(source)) return;
    if (header.fragmentOffset !== 0 || protocol === PROTOCOL_ICMP && !isQuery(bytes[header.payload])) return;
    const path = this.routes.path(source);
    if (path === undefined || path.isGroup) return;
    if (!this.limit.take(now)) {
      this.counters.limited++;
      return;
    }
    const { scratch } = this;
    const end = writeIcmpError(scratch, HEADROOM, type, code, bytes, header.start, header.end);
    this.output.sendDatagram(path, destination, PROTOCOL_ICMP, scratch, HEADROOM, end);
    this.counters.errorsOut++;
  }
}

/** Whether an ICMP message asks or answers, rather than tells of an error. */
function isQuery(type: number): boolean {
  return type === ICMP_ECHO || type === ICMP_ECHO_REPLY || type > ICMP_PARAMETER_PROBLEM;
}
