import { HostError } from "../host/file.ts";

/** What went wrong with the real QEMU. */
export type QemuErrorKind =
  /** It could not be started: no program, or a part of the host that is missing. */
  | "NotStarted"
  /** It refused its command line, or ended before it answered. */
  | "Refused"
  /** It ended while the machine ran. */
  | "Died"
  /** It is there and does not answer. */
  | "Hung"
  /** It answered something that the protocol does not know, or that it cannot do this. */
  | "Protocol";

/** The real QEMU failed, not the guest: the message says what it did, and what it printed. Exit status 74. */
export class QemuError extends HostError {
  override name = "QemuError";
  constructor(readonly kind: QemuErrorKind, message: string) {
    super(message);
  }
}
