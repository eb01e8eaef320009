import { type MachineState, PAGE_SIZE, type TraceEvent } from "./protocol.ts";

/** Reads guest memory at one moment: the bytes, or undefined while they are on their way (the view is drawn again then). */
export type Read = (address: number, length: number) => Uint8Array | undefined;

/** What views are drawn from: the machine after one event. */
export interface Moment {
  readonly state: MachineState;
  readonly read: Read;
  /** Numbers of the pages (of 4096 bytes) that had been written by then. */
  readonly written: readonly number[];
  /** The end of the output of each chardev up to then. */
  readonly console: Readonly<Record<string, Uint8Array>>;
  /** What happened last; undefined before the first event, or where that was dropped. */
  readonly event?: TraceEvent;
}

/** An empty machine: what is drawn before there is one. */
export const EMPTY_STATE: MachineState = {
  at: -1,
  t: 0,
  machine: "",
  memory: 0,
  commandLine: "",
  devices: [],
  virtio: [],
  registers: [],
  pci: [],
  lines: [],
  vectors: [],
  messages: [],
  redirections: [],
  tasks: [],
  running: "",
  netdevs: [],
  chardevs: [],
  pageTableRoot: -1,
  counts: {},
};

export const EMPTY_MOMENT: Moment = { state: EMPTY_STATE, read: () => undefined, written: [], console: {} };

/** Moments for which a page is asked for again after a view has last looked at it. */
const REMEMBERED = 4;
/** Pages asked for at once. */
const MOST = 1024;

/**
 * Which pages of memory the views look at. Views read in the middle of being drawn; a page that is not there is noted
 * and fetched, and is from then on fetched with each moment, as long as somebody looks.
 */
export class WorkingSet {
  private readonly used = new Map<number, number>();
  private serial = 0;

  /** @param onMissing called when a page was read that is not there. */
  constructor(private readonly onMissing: (page: number) => void) {}

  /** The pages to ask for with the next moment. */
  wanted(): number[] {
    this.serial++;
    const pages: number[] = [];
    for (const [page, last] of this.used) {
      if (last < this.serial - REMEMBERED) this.used.delete(page);
      else if (pages.length < MOST) pages.push(page);
    }
    return pages;
  }

  /** @param have pages that came; of those that were asked for and did not come, all bytes are zero. */
  reader(
    have: ReadonlyMap<number, Uint8Array>,
    asked: ReadonlySet<number>,
    written: ReadonlySet<number>,
  ): Read {
    return (address, length) => {
      const bytes = new Uint8Array(length);
      let whole = true;
      for (let done = 0; done < length;) {
        const number = Math.floor((address + done) / PAGE_SIZE), offset = address + done - number * PAGE_SIZE;
        const n = Math.min(length - done, PAGE_SIZE - offset);
        this.used.set(number, this.serial);
        const page = have.get(number);
        if (page !== undefined) bytes.set(page.subarray(offset, offset + n), done);
        else if (!asked.has(number) && written.has(number)) {
          whole = false;
          this.onMissing(number);
        }
        done += n;
      }
      return whole ? bytes : undefined;
    };
  }
}
