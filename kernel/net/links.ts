import type { NetDevice } from "../../drivers/net/mod.ts";
import { formatMac, LOOPBACK } from "../../inet/addresses.ts";
import { ETHERNET_HEADER } from "../../inet/ethernet.ts";
import type { TargetLog } from "../log.ts";
import { Arp } from "./arp.ts";
import { Interface } from "./interface.ts";
import { LoopbackDevice } from "./loopback.ts";

/** What is told of the links of a machine. */
export interface LinkEvents {
  /** There is something to do: called from interrupt handlers, too. */
  work(): void;
  /** Nobody on the wire took the IP packet in [start, end). */
  undelivered(bytes: Uint8Array, start: number, end: number): void;
  /** Somebody else uses the interface's address. */
  conflict(iface: Interface): void;
  /** The cable was plugged in, or pulled. */
  up(iface: Interface, now: number): void;
  down(iface: Interface): void;
}

/** The cards of a machine and its loopback interface: their calls, and whether there is a cable. */
export class Links {
  readonly interfaces: Interface[] = [];
  readonly loopback: Interface;
  /** Address resolution by interface; the loopback interface needs none. */
  readonly arps = new Map<Interface, Arp>();
  private changed = false;

  constructor(
    cards: readonly NetDevice[],
    private readonly events: LinkEvents,
    private readonly log: TargetLog,
  ) {
    this.loopback = this.add("lo", new LoopbackDevice(), true);
    this.loopback.address = LOOPBACK;
    this.loopback.prefix = 8;
    cards.forEach((card, i) => this.add(`eth${i}`, card, false));
  }

  /** Looks at the links that have said that they changed, and lets address resolution work. */
  poll(now: number): void {
    if (this.changed) this.look(now);
    for (const arp of this.arps.values()) arp.poll(now);
  }

  nextDeadline(): number | undefined {
    let next: number | undefined;
    for (const arp of this.arps.values()) {
      const at = arp.nextDeadline();
      if (at !== undefined && (next === undefined || at < next)) next = at;
    }
    return next;
  }

  private add(name: string, device: NetDevice, isLoopback: boolean): Interface {
    const iface = new Interface(name, device, isLoopback);
    this.interfaces.push(iface);
    const { events, log } = this;
    device.onReceive = () => events.work();
    device.onWritable = () => {
      iface.full = false;
      events.work();
    };
    device.onLinkChange = () => {
      this.changed = true;
      events.work();
    };
    if (isLoopback) return iface;
    const arp = new Arp(iface, {
      unreachable(frames) {
        for (const { bytes } of frames) events.undelivered(bytes, ETHERNET_HEADER, bytes.length);
      },
      conflict(message) {
        log.warn(message);
        events.conflict(iface);
      },
    });
    this.arps.set(iface, arp);
    log.info(`${name}: ${device.name}, ${formatMac(device.mac)}, mtu ${iface.mtu}`);
    return iface;
  }

  /** A link went up or down, or a card asks that its address be announced (virtio 1.4, 5.1.6.5.4). */
  private look(now: number): void {
    this.changed = false;
    for (const [iface, arp] of this.arps) {
      const up = iface.device.broken === undefined && iface.device.linkUp();
      const was = iface.linkUp;
      iface.linkUp = up;
      // Frames leave a card without a link at once: into nothing.
      iface.full = false;
      if (up !== was) this.log.info(`${iface.name}: link ${up ? "up" : "down"}`);
      if (up && !was) {
        arp.reset();
        this.events.up(iface, now);
      } else if (!up && was) this.events.down(iface);
      if (up) arp.announce(now);
    }
  }
}
