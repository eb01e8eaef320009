import type { TcpHost } from "../../inet/tcp/mod.ts";
import { HEADROOM, type IpOutput } from "./ip_output.ts";
import type { Routes } from "./routes.ts";

/** What TCP assumes of a way that does not exist: the least that every host takes (RFC 791, 3.1). */
const UNKNOWN_MTU = 576;

/** Carries TCP's segments over IPv4. A card that is full leaves them with TCP, which builds them again. */
export class TcpCarrier implements TcpHost {
  readonly headroom = HEADROOM;
  /** Completed by the card, or by {@link IpOutput.sendSegment} where it cannot. */
  readonly fillsChecksums = true;

  constructor(
    private readonly routes: Routes,
    private readonly output: IpOutput,
    readonly random32: () => number,
  ) {}

  send(source: number, destination: number, bytes: Uint8Array, start: number, end: number): boolean {
    const path = this.routes.path(destination);
    // Without a way it is as if lost: the route may come back before TCP gives up.
    return path === undefined || this.output.sendSegment(path, source, bytes, start, end);
  }

  canSend(destination: number): boolean {
    return !(this.routes.path(destination)?.iface.full ?? false);
  }

  mtu(destination: number): number {
    return this.routes.path(destination)?.iface.mtu ?? UNKNOWN_MTU;
  }
}
