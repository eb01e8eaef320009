import type { Setting } from "./setting.ts";
import type {
  ConsoleStudent,
  InterruptKind,
  MmioTransport,
  NetStudent,
  PackedRing,
  PciFunction,
  PciInterrupts,
  PciTransport,
  Ring,
  RngStudent,
  SplitRing,
  Student,
} from "./student/mod.ts";

/** A way in which drivers go wrong, and what the strict machine must say of it. */
export interface Mistake {
  /** Unique: `split-index-before-entry`. */
  readonly id: string;
  /** What the driver does, in one sentence. */
  readonly what: string;
  readonly on: Where;
  /** Changes steps of a driver that is right. */
  readonly plant: (hands: Hands) => void;
  readonly expect: Expectation;
  /** Other rules that may be reported as well: what follows from the mistake. */
  readonly also?: readonly string[];
}

/** The report that a mistake gives. */
export interface Expectation {
  /** Id of the rule. */
  readonly rule: string;
  /** One of the clauses that the report must name. */
  readonly clause?: string;
  /** What must be seen in the report's `found`. */
  readonly found?: RegExp;
}

/** Where a mistake is planted: every combination. */
export interface Where {
  /** Default: rng. */
  readonly devices?: readonly Setting["device"][];
  /** Default: q35 and microvm. */
  readonly machines?: readonly Setting["machine"][];
  /** Default: both. */
  readonly rings?: readonly Setting["ring"][];
  /** Default: MSI-X on PCI, the line on MMIO. */
  readonly interrupts?: readonly InterruptKind[];
  /** Default: off. */
  readonly eventIdx?: boolean;
  readonly indirect?: boolean;
  /** The device answers in any order, in its own time, and does not always want to be told. */
  readonly restless?: boolean;
  /** What is typed on the console. */
  readonly input?: string;
  /** More properties of the device. */
  readonly props?: string;
  /** More features that the driver takes. */
  readonly wants?: bigint;
}

export const PCI: readonly Setting["machine"][] = ["q35"];
export const MMIO: readonly Setting["machine"][] = ["microvm"];

/** The settings that a mistake is tried in. */
export function settingsOf({ on }: Pick<Mistake, "on">): Setting[] {
  const { devices = ["rng"], machines = ["q35", "microvm"], rings = ["split", "packed"] } = on;
  const { eventIdx = false, indirect = false, restless = false, props, wants } = on;
  return devices.flatMap((device) =>
    machines.flatMap((machine) =>
      rings.flatMap((ring) => {
        const kinds = on.interrupts ?? [machine === "microvm" ? "line" : "msix"];
        return kinds.map((interrupts): Setting => ({
          ...{ device, machine, ring, eventIdx, indirect, interrupts, restless },
          ...props === undefined ? {} : { props },
          ...wants === undefined ? {} : { wants },
        }));
      })
    )
  );
}

/** The parts of a driver, for those who plant mistakes. What is made later is changed when it is made. */
export class Hands {
  constructor(readonly student: Student) {}

  get rng(): RngStudent {
    return this.student as RngStudent;
  }
  get console(): ConsoleStudent {
    return this.student as ConsoleStudent;
  }
  get net(): NetStudent {
    return this.student as NetStudent;
  }
  get pci(): PciTransport {
    return this.student.transport as PciTransport;
  }
  get mmio(): MmioTransport {
    return this.student.transport as MmioTransport;
  }
  // Fields, so that they can be taken out of the object.
  readonly ring = (change: (ring: Ring) => void): void => {
    const { student } = this;
    const before = student.onRing.bind(student);
    student.onRing = (ring) => {
      before(ring);
      change(ring);
    };
  };
  readonly split = (change: (ring: SplitRing) => void): void =>
    this.ring((ring) => change(ring as SplitRing));
  readonly packed = (change: (ring: PackedRing) => void): void =>
    this.ring((ring) => change(ring as PackedRing));
  readonly pciFunction = (change: (fn: PciFunction) => void): void => {
    const { pci } = this;
    const make = pci.functionAt.bind(pci);
    pci.functionAt = (slot) => {
      const fn = make(slot);
      change(fn);
      return fn;
    };
  };
  readonly pciInterrupts = (change: (interrupts: PciInterrupts) => void): void => {
    const { pci } = this;
    const make = pci.makeInterrupts.bind(pci);
    pci.makeInterrupts = () => {
      const interrupts = make();
      change(interrupts);
      return interrupts;
    };
  };
}

type Args<F> = F extends (...args: infer A) => unknown ? A : never;
type Result<F> = F extends (...args: never) => infer R ? R : never;

/** Runs `more` behind a method of `object`. */
export function after<T extends object, K extends keyof T>(
  object: T,
  method: K,
  more: (result: Result<T[K]>, ...args: Args<T[K]>) => void,
): void {
  const original = object[method] as (...args: Args<T[K]>) => Result<T[K]>;
  object[method] = ((...args: Args<T[K]>) => {
    const result = original.apply(object, args);
    more(result, ...args);
    return result;
  }) as T[K];
}

/** Runs `more` before a method of `object`. */
export function before<T extends object, K extends keyof T>(
  object: T,
  method: K,
  more: (...args: Args<T[K]>) => void,
): void {
  const original = object[method] as (...args: Args<T[K]>) => unknown;
  object[method] = ((...args: Args<T[K]>) => {
    more(...args);
    return original.apply(object, args);
  }) as T[K];
}

/** A step that is forgotten. */
export const forgotten = (): void => {};
