/** Network cards as the kernel's network stack sees them (Hermit's `drivers/net`), whatever bus they are on. */

/** Where a checksum is to be filled in: the device sums from `start` to the end and stores at `start + offset`. */
export interface PartialChecksum {
  /** Bytes from the start of the frame. */
  readonly start: number;
  /** Bytes from `start`. The field holds the sum of the pseudo header (virtio 1.4, 5.1.6.2). */
  readonly offset: number;
}

/** A frame that has arrived. Valid until the next {@link NetDevice.receive}. */
export interface ReceivedFrame {
  /** Ethernet frame without its check sequence. */
  readonly bytes: Uint8Array;
  /** The transport checksum needs no look: the device has checked it, or it never left the machine. */
  readonly checksumValid: boolean;
}

/** A network card. Nothing here ever waits. */
export interface NetDevice {
  /** For messages and lists: `virtio-net at 00:02.0`. */
  readonly name: string;
  /** Six bytes. */
  readonly mac: Uint8Array;
  /** Largest IP packet in bytes. */
  readonly mtu: number;
  /** Whether {@link NetDevice.transmit} completes transport checksums. */
  readonly fillsChecksums: boolean;
  /** Why the device cannot be used any more. */
  readonly broken: Error | undefined;
  linkUp(): boolean;
  /**
   * Sends a frame. False when all buffers are with the device: nothing was sent, and {@link NetDevice.onWritable}
   * follows. The array is the caller's again at once.
   *
   * @throws {DriverError} if the device is broken or the frame longer than it can send.
   */
  transmit(frame: Uint8Array, checksum?: PartialChecksum): boolean;
  /** The next frame that has arrived, or undefined. */
  receive(): ReceivedFrame | undefined;
  /** Called from the interrupt handler: {@link NetDevice.receive} has something, or may have. */
  onReceive: (() => void) | undefined;
  /** Called from the interrupt handler: there is room again after a refused frame. */
  onWritable: (() => void) | undefined;
  /** Called from the interrupt handler: the link went up or down, or the device asks to be announced. */
  onLinkChange: (() => void) | undefined;
  /** Stops the device and frees its memory. */
  shutdown(): void;
}
