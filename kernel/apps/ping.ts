import { formatAddress } from "../../inet/addresses.ts";
import { sleep, type Task } from "../executor.ts";
import type { Kernel } from "../kernel.ts";
import { type EchoReply, type EchoSocket, SocketError } from "../net/mod.ts";
import { AppUsageError, numberArgument } from "./support.ts";

const INTERVAL = 1e9, PATIENCE = 1e9;
/** Bytes of an echo's data, as everyone's ping. */
const SIZE = 56, ICMP_HEADER = 8;

/** `ping HOST [count [size]]`. @returns 0 if at least one answer came. */
export function* ping(kernel: Kernel, args: readonly string[]): Task<number> {
  return yield* pingTo(kernel, args, (line) => kernel.parts.console.write(line + "\n"));
}

/** The same with its output elsewhere. @throws {AppUsageError} */
export function* pingTo(kernel: Kernel, args: readonly string[], out: (line: string) => void): Task<number> {
  const [host] = args;
  if (host === undefined) throw new AppUsageError("ping HOST [COUNT [SIZE]]");
  const count = numberArgument(args[1], "the count", 4, 1, 10_000);
  const size = numberArgument(args[2], "the size", SIZE, 0, 65_507);
  const { net, executor } = kernel.parts;
  const times: number[] = [];
  const socket = net.echo();
  try {
    const [address] = yield* net.resolver.getaddrinfo(host);
    out(`PING ${host} (${formatAddress(address)}) ${size} bytes of data.`);
    for (let sequence = 1; sequence <= count; sequence++) {
      const data = Uint8Array.from({ length: size }, (_, i) => i + sequence);
      const sent = executor.now();
      const answer = yield* ask(kernel, socket, address, sequence, data, out);
      if (answer !== undefined) {
        const ms = (executor.now() - sent) / 1e6;
        times.push(ms);
        out(
          `${answer.data.length + ICMP_HEADER} bytes from ${
            formatAddress(answer.address)
          }: icmp_seq=${sequence} time=${ms.toFixed(3)} ms`,
        );
      }
      if (sequence < count) yield* sleep(executor, Math.max(0, sent + INTERVAL - executor.now()));
    }
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    out(`ping: ${error.message}`);
    return 1;
  } finally {
    socket.close();
  }
  const lost = count - times.length;
  out(
    `${count} packets transmitted, ${times.length} received, ${Math.round(100 * lost / count)}% packet loss`,
  );
  if (times.length === 0) return 1;
  const sum = times.reduce((a, b) => a + b, 0), [min, max] = [Math.min(...times), Math.max(...times)];
  out(`rtt min/avg/max = ${min.toFixed(3)}/${(sum / times.length).toFixed(3)}/${max.toFixed(3)} ms`);
  return 0;
}

/** One echo and its answer; undefined if that does not come in time, and why is said. */
function* ask(
  kernel: Kernel,
  socket: EchoSocket,
  address: number,
  sequence: number,
  data: Uint8Array,
  out: (line: string) => void,
): Task<EchoReply | undefined> {
  const { executor } = kernel.parts;
  try {
    yield* socket.sendto(data, address, sequence);
    for (const end = executor.now() + PATIENCE;;) {
      socket.setsockopt("SO_RCVTIMEO", Math.max(1, end - executor.now()));
      const reply = yield* socket.recvfrom();
      if (reply.sequence === sequence) return reply;
    }
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
    out(error.code === "EAGAIN" ? `no answer to icmp_seq=${sequence}` : error.message);
    return undefined;
  }
}
