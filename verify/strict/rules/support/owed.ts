import type { DeviceModel } from "../../model/device.ts";
import type { MachineModel } from "../../model/machine.ts";

/** Nanoseconds after which something owed is told in any case. */
const PATIENCE = 1e9;

interface Debt {
  readonly device: DeviceModel;
  readonly since: number;
  /** Times that the driver went to wait since. */
  waits: number;
  readonly tell: (since: number) => void;
}

/**
 * What drivers have to do, and have not done yet. The specification names no time, so it is told late: when the driver ends,
 * or resets its device, and has waited for something in between; or after a second.
 */
export class Owed {
  private readonly debts = new Map<string, Debt>();

  constructor(private readonly machine: MachineModel) {}

  has(device: DeviceModel, what: string): boolean {
    return this.debts.has(key(device, what));
  }
  /** From here on it is owed, unless it is already. @param tell says that it was not done; gets the time from when on. */
  add(device: DeviceModel, what: string, tell: (since: number) => void): void {
    const at = key(device, what);
    if (!this.debts.has(at)) this.debts.set(at, { device, since: this.machine.time, waits: 0, tell });
  }
  /** It was done, or need not be any more. Whether it was owed. */
  done(device: DeviceModel, what: string): boolean {
    return this.debts.delete(key(device, what));
  }
  /** The driver waits. */
  idle(): void {
    for (const [at, debt] of this.debts) {
      debt.waits++;
      if (!debt.device.live) continue;
      if (this.machine.time >= debt.since + PATIENCE) this.tell(at, debt);
    }
  }
  /** A device was reset, or everything has ended. */
  close(device?: DeviceModel): void {
    for (const [at, debt] of this.debts) {
      if (device !== undefined && debt.device !== device) continue;
      if (debt.waits > 0) this.tell(at, debt);
      else this.debts.delete(at);
    }
  }

  private tell(at: string, debt: Debt): void {
    this.debts.delete(at);
    debt.tell(debt.since);
  }
}

const key = (device: DeviceModel, what: string): string => `${device.name}|${device.place}|${what}`;
