import { createSocket } from "node:dgram";

const DNS_PORT = 53;
/** Milliseconds for an answer; the guest has asked again by then. */
const PATIENCE = 5000;

/** The first name server of the host's resolv.conf; its loopback if none is named, as every resolver does. */
export function nameServer(file = "/etc/resolv.conf"): string {
  try {
    const text = Deno.readTextFileSync(file);
    return /^\s*nameserver\s+([0-9a-f.:]+)/mi.exec(text)?.[1] ?? "127.0.0.1";
  } catch {
    return "127.0.0.1";
  }
}

/** Hands DNS questions on to a name server of the host, as they are. */
export class Resolver {
  private readonly pending = new Set<() => void>();

  constructor(private readonly server = nameServer(), private readonly port = DNS_PORT) {}

  /** The answer to a message, or undefined if there was none in time. */
  resolve(query: Uint8Array): Promise<Uint8Array | undefined> {
    return new Promise((resolve) => {
      const socket = createSocket(this.server.includes(":") ? "udp6" : "udp4");
      const end = (answer: Uint8Array | undefined) => {
        if (!this.pending.delete(stop)) return;
        clearTimeout(timer);
        socket.close();
        resolve(answer);
      };
      const stop = () => end(undefined);
      const timer = setTimeout(stop, PATIENCE);
      this.pending.add(stop);
      socket.on("message", (answer) => {
        if (answer[0] === query[0] && answer[1] === query[1]) end(answer);
      });
      socket.on("error", stop);
      try {
        socket.send(query, this.port, this.server, (error) => error && stop());
      } catch {
        stop();
      }
    });
  }
  /** Gives up what is under way. */
  close(): void {
    for (const stop of [...this.pending]) stop();
  }
}
