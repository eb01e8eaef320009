import type { Chardev } from "../chardev.ts";

/** What `-device virtconsole` or `virtserialport` says. */
export interface ConsolePortOptions {
  /** `virtconsole` (the guest makes it a console) or `virtserialport`. */
  readonly isConsole: boolean;
  /** The host's end; without one, what the guest writes is thrown away. */
  readonly chardev?: Chardev | undefined;
  /** The port's name, told to the guest (PORT_NAME). */
  readonly name?: string | undefined;
  /** The port's number; the next free one if not given. */
  readonly nr?: number | undefined;
}

/** A port of a serial device. */
export interface ConsolePort {
  readonly id: number;
  readonly isConsole: boolean;
  readonly name: string | undefined;
  readonly chardev: Chardev | undefined;
  /** The guest opened its end: PORT_OPEN, or DRIVER_OK where there is no MULTIPORT. */
  guestConnected: boolean;
  /** Bytes for which there was room when the device last looked. */
  promised: number;
  readonly receiveQueue: number;
  readonly transmitQueue: number;
}

/** Receive queue of a port; transmit is the next one (virtio 1.4, 5.3.2): 0, 4, 6, 8, ... */
export const receiveQueueOf = (port: number): number => port === 0 ? 0 : 2 + 2 * port;

/**
 * Gives a port its number as QEMU does: the first console is port 0, which nothing else may have; others take the
 * lowest free number from 1.
 *
 * @throws {Error} if the number is taken or out of range, or there is no room.
 */
export function portNumber(
  options: ConsolePortOptions,
  ports: readonly ConsolePort[],
  maxPorts: number,
): number {
  const what = options.isConsole ? "virtconsole" : "virtserialport";
  const taken = (id: number) => ports.some((p) => p.id === id);
  if (options.name !== undefined && ports.some((p) => p.name === options.name)) {
    throw new Error(`${what}: a port already exists by the name ${options.name}`);
  }
  let id = options.nr;
  if (id === undefined) {
    id = options.isConsole && !taken(0) ? 0 : 1;
    while (taken(id)) id++;
    if (id >= maxPorts) throw new Error(`${what}: the maximum of ${maxPorts} ports (max_ports) is reached`);
  }
  if (taken(id)) throw new Error(`${what}: a port already exists at nr=${id}`);
  if (id >= maxPorts) {
    throw new Error(`${what}: nr=${id} is out of range, at most ${maxPorts - 1} (max_ports)`);
  }
  if (id === 0 && !options.isConsole) throw new Error(`${what}: nr=0 is reserved for virtconsole`);
  return id;
}
