import { Msix, PciCapId, PciCfg, PciStatus } from "../../../../spec/pci.ts";
import { VirtioPciCap } from "../../../../spec/virtio/pci.ts";

/** A capability in configuration space. */
export interface Capability {
  readonly id: number;
  /** Where it begins. */
  readonly at: number;
}

/** A virtio capability (virtio 1.4, 4.1.4). Offsets and lengths in bytes. */
export interface VirtioCapability extends Capability {
  /** Bytes of the capability itself. */
  readonly bytes: number;
  readonly type: number;
  readonly bar: number;
  readonly offset: number;
  readonly length: number;
  /** notify: notify_off_multiplier. */
  readonly extra: number;
}

const HEADER = 0x40;

/** The capabilities of a function's 256 bytes, in the order of the list; a list that goes in a circle is cut. */
export function capabilitiesOf(config: Uint8Array): Capability[] {
  const found: Capability[] = [];
  if ((config[PciCfg.STATUS] & PciStatus.CAP_LIST) === 0) return found;
  const seen = new Set<number>();
  for (
    let at = config[PciCfg.CAPABILITIES] & 0xfc;
    at >= HEADER && !seen.has(at);
    at = config[at + 1] & 0xfc
  ) {
    seen.add(at);
    found.push({ id: config[at], at });
  }
  return found;
}

/** The virtio capabilities of a function. */
export function virtioCapabilities(config: Uint8Array): VirtioCapability[] {
  const view = new DataView(config.buffer, config.byteOffset, config.length);
  const u32 = (at: number) => at + 4 <= config.length ? view.getUint32(at, true) : 0;
  return capabilitiesOf(config).filter((cap) => cap.id === PciCapId.VENDOR && cap.at + 16 <= config.length)
    .map(({ id, at }) => ({
      id,
      at,
      bytes: config[at + VirtioPciCap.CAP_LEN],
      type: config[at + VirtioPciCap.CFG_TYPE],
      bar: config[at + VirtioPciCap.BAR],
      offset: u32(at + VirtioPciCap.OFFSET),
      length: u32(at + VirtioPciCap.LENGTH),
      extra: u32(at + VirtioPciCap.EXTRA),
    }));
}

/** Message Control of MSI-X; undefined without the capability. */
export function msixControl(
  config: Uint8Array,
): { entries: number; enabled: boolean; masked: boolean } | undefined {
  const cap = capabilitiesOf(config).find((c) => c.id === PciCapId.MSIX);
  if (cap === undefined) return undefined;
  const control = config[cap.at + Msix.CONTROL] | config[cap.at + Msix.CONTROL + 1] << 8;
  return {
    entries: (control & 0x7ff) + 1,
    enabled: (control & Msix.ENABLE) !== 0,
    masked: (control & Msix.FUNCTION_MASK) !== 0,
  };
}

/** COMMAND. */
export const commandOf = (config: Uint8Array): number =>
  config[PciCfg.COMMAND] | config[PciCfg.COMMAND + 1] << 8;

/** The address that a memory BAR holds; 0 for a BAR of ports. */
export function barAddress(config: Uint8Array, bar: number): number {
  const view = new DataView(config.buffer, config.byteOffset, config.length);
  const low = view.getUint32(PciCfg.BAR0 + 4 * bar, true);
  if ((low & 1) !== 0) return 0;
  const high = (low & 6) === 4 && bar < 5 ? view.getUint32(PciCfg.BAR0 + 4 * bar + 4, true) : 0;
  return high * 2 ** 32 + ((low & ~15) >>> 0);
}
