import type { PhysAddr, VirtAddr } from "./addresses.ts";
import type { PageSize } from "./page_table_entry.ts";

/** A mapping that cannot be made, undone or looked up as asked; the message names the addresses. */
export class PagingError extends Error {
  override name = "PagingError";
  constructor(
    readonly kind:
      | "NonCanonical"
      | "Misaligned"
      | "OutOfRange"
      | "BadArgument"
      | "AlreadyMapped"
      | "LargerPage"
      | "NotMapped"
      | "OtherSize",
    message: string,
  ) {
    super(message);
  }
}

/** Where the frames of tables come from (`FrameAlloc` of mm/physicalmem.ts). Lengths in bytes. */
export interface TableFrames {
  allocate(length: number): PhysAddr;
  free(start: PhysAddr, length: number): void;
}

/** One level of a walk, as the MMU does it (Intel SDM 3A, figure 4-8). */
export interface WalkStep {
  /** 4 (PML4) down to 1 (page table). */
  readonly level: number;
  readonly name: "PML4" | "PDPT" | "PD" | "PT";
  /** Guest-physical address of the table. */
  readonly table: PhysAddr;
  /** Which of its 512 entries. */
  readonly index: number;
  /** The entry as it stands in memory. */
  readonly entry: bigint;
  /** Names of its flags; none if it is not present. */
  readonly flags: readonly string[];
  /** Size in bytes of the page that this entry maps; undefined if it points to a table or is not present. */
  readonly pageSize: PageSize | undefined;
  /** Where the entry leads: the next table or, for a page, the address asked for. Undefined if not present. */
  readonly target: PhysAddr | undefined;
}

/** One mapped page. */
export interface Mapping {
  readonly virt: VirtAddr;
  readonly phys: PhysAddr;
  readonly size: PageSize;
  /** As in {@link PageFlag}. */
  readonly flags: number;
}
