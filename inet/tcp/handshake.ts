import { ACK, FIN, RST, SYN, type TcpHeader } from "../tcp_header.ts";
import { Connection } from "./connection.ts";
import { type Core, HEADERS } from "./core.ts";
import type { Verdict } from "./input.ts";
import { initialSequence } from "./isn.ts";
import { establish, fail } from "./lifecycle.ts";
import type { Listener } from "./listener.ts";
import { receive } from "./receive.ts";
import { after } from "./seq.ts";
import type { TcpEndpoint } from "./types.ts";

/** Smaller segments than this nobody means seriously (as Linux; RFC 9293 names no least MSS). */
const LEAST_MSS = 48;

/** A connection with its sizes and its initial number, in no table yet. */
function begin(core: Core, local: TcpEndpoint, remote: TcpEndpoint): Connection {
  const { options, hash } = core;
  const c = new Connection(core, local, remote);
  c.ownMss = Math.max(1, Math.min(core.host.mtu(remote.address), 65535) - HEADERS);
  if (options.windowScale) {
    while (65535 << c.receiveScale < options.receiveBuffer && c.receiveScale < 14) c.receiveScale++;
  }
  number(c, initialSequence(hash, local.address, local.port, remote.address, remote.port, core.now));
  return c;
}

function number(c: Connection, iss: number): void {
  c.iss = c.una = iss;
  c.nxt =
    c.dataStart =
    c.highest =
    c.smallEnd =
      (iss + 1) | 0;
}

/** Opens a connection from here (RFC 9293, 3.10.1). */
export function openActively(core: Core, local: TcpEndpoint, remote: TcpEndpoint): Connection {
  const c = begin(core, local, remote);
  c.synDue = true;
  core.counters.activeOpens++;
  core.table.add(c);
  core.wake(c);
  return c;
}

/**
 * A SYN has come to a listener (RFC 9293, 3.10.7.2). Data that it carries is left for the peer to repeat.
 *
 * @param old the TIME-WAIT that it follows: our numbers must go on behind the old ones.
 */
export function openPassively(
  core: Core,
  listener: Listener,
  local: TcpEndpoint,
  remote: TcpEndpoint,
  header: TcpHeader,
  old: Connection | undefined,
): void {
  const c = begin(core, local, remote);
  if (old !== undefined && !after(c.iss, old.nxt)) number(c, (old.nxt + 0x10000) | 0);
  c.state = "SYN-RECEIVED";
  c.passive = true;
  c.listener = listener;
  takeSyn(c, header);
  core.counters.passiveOpens++;
  core.table.add(c);
  listener.begun(c);
  if (listener.hold) c.held = true;
  else {
    c.synDue = true;
    core.wake(c);
  }
}

/** RFC 9293, 3.10.7.3. */
export function arriveInSynSent(c: Connection, header: TcpHeader, bytes: Uint8Array, end: number): Verdict {
  const { flags } = header;
  const ack = header.acknowledgment | 0;
  const acknowledged = (flags & ACK) !== 0;
  if (acknowledged && ack !== c.nxt) return (flags & RST) !== 0 ? "done" : "reset";
  if ((flags & RST) !== 0) {
    if (acknowledged) {
      c.core.counters.resetsIn++;
      fail(c, "refused");
    }
    return "done";
  }
  if ((flags & SYN) === 0) return "done";
  takeSyn(c, header);
  c.heardAt = c.core.now;
  if (!acknowledged) {
    // Both sides have opened at once: each answers the other's SYN.
    c.state = "SYN-RECEIVED";
    c.synDue = true;
    c.core.wake(c);
    return "done";
  }
  if (!c.synLost) c.rtt.sample(c.core.now - c.sentAt);
  c.una = ack;
  c.windowMax = c.window;
  c.wl2 = ack;
  c.ackDue = true;
  establish(c);
  if (end > header.payload || (flags & FIN) !== 0) {
    header.sequence = (header.sequence + 1) >>> 0;
    receive(c, header, bytes, end);
  }
  return "done";
}

/** Takes the peer's number, window and options. A window in a SYN is never scaled (RFC 7323, 2.2). */
function takeSyn(c: Connection, header: TcpHeader): void {
  const { options, host } = c.core;
  c.irs = header.sequence | 0;
  c.queue.next = c.lastAck = (c.irs + 1) | 0;
  c.window = c.windowMax = header.window;
  c.wl1 = c.irs;
  c.scaled = options.windowScale && header.windowScale >= 0;
  c.sendScale = c.scaled ? header.windowScale : 0;
  if (!c.scaled) c.receiveScale = 0;
  c.receiveMax = Math.min(options.receiveBuffer, 65535 << c.receiveScale);
  c.receiveLimit = Math.min(c.receiveLimit, c.receiveMax);
  c.offered = (c.queue.next + Math.min(65535, c.receiveLimit)) | 0;
  c.sackAllowed = options.sack && header.sackPermitted;
  const wanted = header.mss === 0 ? 536 : Math.max(header.mss, LEAST_MSS);
  c.mss = Math.max(1, Math.min(wanted, Math.min(host.mtu(c.remote.address), 65535) - HEADERS));
}
