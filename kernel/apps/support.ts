/** What several applications need. */
import { formatAddress } from "../../inet/addresses.ts";
import type { JoinHandle, Task } from "../executor.ts";
import type { Kernel } from "../kernel.ts";
import type { SocketAddress } from "../net/mod.ts";

/** The port that Hermit's own images and their test runner use. */
export const DEFAULT_PORT = 9975;
/** What a terminal sends for ^C. */
const ETX = 0x03;

/** An application was called wrongly; the message says how it is called. */
export class AppUsageError extends Error {
  override name = "AppUsageError";
}

/** A decimal number in [min, max]. @throws {AppUsageError} */
export function numberArgument(
  text: string | undefined,
  what: string,
  otherwise: number,
  min: number,
  max: number,
): number {
  if (text === undefined) return otherwise;
  const n = /^\d+$/.test(text) ? Number(text) : NaN;
  if (n >= min && n <= max) return n;
  throw new AppUsageError(`${what} must be a number from ${min} to ${max}, not '${text}'`);
}

/** A port. @throws {AppUsageError} */
export function portArgument(text: string | undefined, otherwise = DEFAULT_PORT): number {
  return numberArgument(text, "the port", otherwise, 1, 65535);
}

/** Watches the console; calls `stop` when somebody types ^C. The task has to be cancelled. */
export function onInterrupt(kernel: Kernel, stop: () => void): JoinHandle<void> {
  const { console, executor } = kernel.parts;
  return executor.spawn(
    "^C",
    (function* (): Task<void> {
      while ((yield* console.readByte()) !== ETX);
      console.write("^C\n");
      stop();
    })(),
  );
}

/** `10.0.2.2:80` */
export function endpointText({ address, port }: SocketAddress): string {
  return `${formatAddress(address)}:${port}`;
}

/** Where a server on `port` can be reached, for its greeting. */
export function placesOf(kernel: Kernel, port: number): string {
  return kernel.parts.net.stack.interfaces.filter((i) => i.address !== 0).map((i) =>
    endpointText({ address: i.address, port })
  ).join(", ");
}
