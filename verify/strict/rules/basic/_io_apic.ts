import type { ForeignAccess } from "../../events.ts";
import type { Place } from "../../report.ts";

/** Where QEMU's machines have their IOAPICs, and the first line of each. */
const IO_APICS = [{ base: 0xfec0_0000, firstLine: 0 }, { base: 0xfec1_0000, firstLine: 24 }] as const;
const DATA = 0x10, REDIRECTION = 0x10;
const LEVEL = 0x8000, ACTIVE_LOW = 0x2000, MASKED = 0x1_0000;

/** How a line of the interrupt controllers is set up (82093AA, 3.2.4). */
export interface LineSetting {
  readonly vector: number;
  readonly level: boolean;
  readonly activeLow: boolean;
  readonly masked: boolean;
  /** It was open once. */
  readonly everOpen: boolean;
  /** Where the driver set it up. */
  readonly place: Place;
}

/** The redirection tables of the IOAPICs, from what the guest writes to them. */
export class IoApics {
  private readonly index = new Map<number, number>();
  private readonly settings = new Map<number, LineSetting>();

  /** @param place where the guest is. */
  foreign(a: ForeignAccess, place: () => Place): void {
    if (a.ports || !a.write || a.width !== 4) return;
    const apic = IO_APICS.find(({ base }) => a.address === base || a.address === base + DATA);
    if (apic === undefined) return;
    if (a.address === apic.base) {
      this.index.set(apic.base, a.value & 0xff);
      return;
    }
    const register = this.index.get(apic.base) ?? 0;
    // The upper half of an entry says which CPU.
    if (register < REDIRECTION || (register & 1) !== 0) return;
    const line = apic.firstLine + (register - REDIRECTION) / 2;
    const masked = (a.value & MASKED) !== 0;
    this.settings.set(line, {
      vector: a.value & 0xff,
      level: (a.value & LEVEL) !== 0,
      activeLow: (a.value & ACTIVE_LOW) !== 0,
      masked,
      everOpen: !masked || (this.settings.get(line)?.everOpen ?? false),
      place: place(),
    });
  }
  /** How a line is set up; undefined: never written, which is masked. */
  line(line: number): LineSetting | undefined {
    return this.settings.get(line);
  }
  /** The open lines that arrive as a vector. */
  linesOf(vector: number): number[] {
    return [...this.settings].filter(([, s]) => s.vector === vector && !s.masked).map(([line]) => line);
  }
}
