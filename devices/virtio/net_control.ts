import { NetF } from "../../spec/virtio/features.ts";
import {
  NetCtrl,
  NetCtrlAck,
  NetCtrlAnnounce,
  NetCtrlGuestOffloads,
  NetCtrlMq,
} from "../../spec/virtio/net.ts";
import type { Chain } from "./chain.ts";
import type { ReceiveFilter } from "./net_filter.ts";

/** Bytes before a command's data: class and command. */
const HEADER = 2;
const RULE = "virtio 1.4, 5.1.6.5: a command has a class and a command to read, and a byte to write";

/** What commands act on. */
export interface ControlHost {
  readonly name: string;
  readonly filter: ReceiveFilter;
  negotiated(feature: bigint): boolean;
  pop(index: number): Chain | undefined;
  push(index: number, chain: Chain, written: number): void;
  notifyDriver(index: number): void;
  needsReset(why: string): void;
  /** Whether the driver was asked to announce itself. */
  announced(): boolean;
  /** Whether there are so many pairs. */
  usePairs(count: number): boolean;
  /** Switches guest offloads to exactly these. Whether all of them are possible. */
  useOffloads(features: bigint): boolean;
}

/**
 * Takes the commands that wait in the control queue and answers each (QEMU's `virtio_net_handle_ctrl`). One without class
 * or without room for the answer is the end of the device.
 */
export function runCommands(index: number, host: ControlHost): void {
  const answer = new Uint8Array(1);
  for (let chain = host.pop(index); chain !== undefined; chain = host.pop(index)) {
    if (chain.writableLength < answer.length || chain.readableLength < HEADER) {
      const found = `${chain.readableLength} bytes to read, ${chain.writableLength} to write`;
      host.needsReset(`${host.name} queue ${index}: virtio-net ctrl missing headers: ${found} (${RULE})`);
      host.push(index, chain, 0);
      return;
    }
    answer[0] = runCommand(chain, host) ? NetCtrlAck.OK : NetCtrlAck.ERR;
    chain.writeFrom(answer, 0);
    host.push(index, chain, answer.length);
    host.notifyDriver(index);
  }
}

/** Carries a command out. Features are asked for only where QEMU asks. */
function runCommand(chain: Chain, host: ControlHost): boolean {
  const header = new Uint8Array(HEADER);
  chain.readInto(header);
  const [kind, command] = header;
  switch (kind) {
    case NetCtrl.RX:
      return host.filter.rxMode(command, chain, HEADER);
    case NetCtrl.MAC:
      return host.filter.address(command, chain, HEADER);
    case NetCtrl.VLAN:
      return host.filter.vlan(command, chain, HEADER);
    case NetCtrl.ANNOUNCE:
      return command === NetCtrlAnnounce.ACK && host.announced();
    case NetCtrl.MQ: {
      if (command !== NetCtrlMq.VQ_PAIRS_SET || !host.negotiated(NetF.MQ)) return false;
      const count = new Uint8Array(2);
      return chain.readInto(count, HEADER) === 2 && host.usePairs(count[0] | count[1] << 8);
    }
    case NetCtrl.GUEST_OFFLOADS: {
      const set = new Uint8Array(8);
      if (!host.negotiated(NetF.CTRL_GUEST_OFFLOADS) || chain.readInto(set, HEADER) < 8) return false;
      if (command !== NetCtrlGuestOffloads.SET) return false;
      return host.useOffloads(new DataView(set.buffer).getBigUint64(0, true));
    }
    default:
      return false;
  }
}
