/** Kinds of a {@link VirtqError}: Hermit's variants, and those that a bad device needs. */
export type VirtqErrorKind =
  | "General"
  | "BufferNotSpecified"
  | "QueueNotExisting"
  | "NoDescrAvail"
  | "BufferToLarge"
  | "QueueSizeNotAllowed"
  | "FeatureNotSupported"
  | "AllocationError"
  | "IncompleteWrite"
  | "NoNewUsed"
  /** The token is in flight or was used up already. */
  | "TokenInUse"
  /** The device reported an id that no queue of this size has. */
  | "UsedIdOutOfRange"
  /** The device reported an id that is not outstanding. */
  | "UsedIdNotOutstanding"
  /** The device claims to have written more than the buffer holds. */
  | "UsedLengthTooLarge"
  /** The device's index jumped by more than the queue holds. */
  | "UsedIndexJump"
  /** The queue was marked broken or reset; nothing can be dispatched. */
  | "QueueBroken";

/** A queue's error: which device and queue, what was found, what was expected. */
export class VirtqError extends Error {
  override name = "VirtqError";
  constructor(readonly kind: VirtqErrorKind, message: string, readonly arg?: number | bigint) {
    super(`${kind}: ${message}`);
  }
  /** EIO, as Hermit's `From<VirtqError> for io::Error`. */
  toErrno(): number {
    return 5;
  }
}

/** Kinds of a {@link VirtioError}: Hermit's variants. */
export type VirtioErrorKind =
  | "FromPci"
  | "NoComCfg"
  | "NoIsrCfg"
  | "NoNotifCfg"
  | "NoDevCfg"
  | "DevNotSupported"
  | "FailFeatureNeg"
  /** The device did not do what a step of initialization waits for. */
  | "DeviceNotResponding"
  | "NeedsReset"
  | "Virtq";

/** A device could not be initialized or used. */
export class VirtioError extends Error {
  override name = "VirtioError";
  constructor(readonly kind: VirtioErrorKind, message: string, options?: ErrorOptions) {
    super(`${kind}: ${message}`, options);
  }
}

/** Kinds of a {@link PciError}: Hermit's variants. */
export type PciErrorKind = "General" | "NoBar" | "NoCapPtr" | "BadCapPtr" | "NoVirtioCaps";

/** A PCI function is not as it must be. */
export class PciError extends Error {
  override name = "PciError";
  constructor(readonly kind: PciErrorKind, message: string) {
    super(`${kind}: ${message}`);
  }
}

/** A driver could not take its device (Hermit's `DriverError::InitVirtioDevFail`). */
export class DriverError extends Error {
  override name = "DriverError";
  constructor(readonly kind: "InitVirtioDevFail" | "Io", message: string, options?: ErrorOptions) {
    super(`${kind}: ${message}`, options);
  }
}
