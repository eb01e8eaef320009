/** The network images of Hermit's CI: what its test runner talks to on port 9975. The word `exit` ends them. */
import { LOOPBACK } from "../../inet/addresses.ts";
import type { Task } from "../executor.ts";
import type { Kernel } from "../kernel.ts";
import { poll as pollSockets, POLLIN, SocketError, type TcpSocket } from "../net/mod.ts";
import { DEFAULT_PORT, endpointText } from "./support.ts";

const EXIT = "exit", WELCOME = "Hello world!\n", GREETING = "hello loopback";
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const encode = (text: string) => new TextEncoder().encode(text);

function listener(kernel: Kernel, port: number): TcpSocket {
  const socket = kernel.parts.net.stream();
  socket.bind({ address: 0, port });
  socket.listen();
  socket.nonBlocking = true;
  return socket;
}

/** `testudp`: prints the datagrams that come. */
export function* testudp(kernel: Kernel): Task<number> {
  const { console, net } = kernel.parts;
  const socket = net.dgram(), buffer = new Uint8Array(1000);
  socket.bind({ address: 0, port: DEFAULT_PORT });
  for (;;) {
    const from = yield* socket.recvfrom(buffer);
    const text = decode(buffer.subarray(0, from.length));
    console.write(`received "${text.replace(/\n$/, "")}" from ${endpointText(from)}\n`);
    if (text.startsWith(EXIT)) return 0;
  }
}

/** `mioudp`: sends back the datagrams that come. */
export function* mioudp(kernel: Kernel): Task<number> {
  const { console, net } = kernel.parts;
  const socket = net.dgram(), buffer = new Uint8Array(65_536);
  socket.bind({ address: 0, port: DEFAULT_PORT });
  console.write(`Anything that is sent to UDP port ${DEFAULT_PORT} comes back.\n`);
  for (;;) {
    const from = yield* socket.recvfrom(buffer);
    yield* socket.sendto(buffer.subarray(0, from.length), from);
    if (decode(buffer.subarray(0, from.length)).trimEnd() === EXIT) return 0;
  }
}

/** `miotcp`: greets, prints what comes; several connections at once, by `poll`. */
export function* miotcp(kernel: Kernel): Task<number> {
  const { console } = kernel.parts;
  return yield* serve(kernel, [listener(kernel, DEFAULT_PORT)], function* (client) {
    console.write(`Accepted connection from: ${endpointText(client.getpeername())}\n`);
    yield* client.send(encode(WELCOME));
  }, (text) => console.write(`Received data: ${text}\n`));
}

/** `poll`: prints what comes, on two ports. */
export function* poll(kernel: Kernel): Task<number> {
  const { console } = kernel.parts;
  const listeners = [listener(kernel, DEFAULT_PORT), listener(kernel, DEFAULT_PORT + 1)];
  return yield* serve(kernel, listeners, function* (_client, n) {
    console.write(`Accept on l${n + 1}\n`);
  }, (text) => console.write(`${text}\n`));
}

/** One task, many sockets. Ends when somebody has sent `exit`; a client that goes away is no reason to. */
function* serve(
  kernel: Kernel,
  listeners: readonly TcpSocket[],
  accepted: (client: TcpSocket, listener: number) => Task<void>,
  received: (text: string) => void,
): Task<number> {
  const { net } = kernel.parts;
  const clients: TcpSocket[] = [];
  const buffer = new Uint8Array(4096);
  for (;;) {
    const sockets = [...listeners, ...clients];
    const events = yield* pollSockets(net, sockets.map((socket) => ({ socket, events: POLLIN })));
    for (const [i, socket] of sockets.entries()) {
      if (events[i] === 0) continue;
      try {
        if (i < listeners.length) {
          const client = yield* socket.accept();
          client.nonBlocking = true;
          clients.push(client);
          yield* accepted(client, i);
          continue;
        }
        const text = decode(buffer.subarray(0, yield* socket.recv(buffer))).trimEnd();
        if (text !== "") received(text);
        if (text === EXIT) return 0;
        if (text !== "") continue;
      } catch (error) {
        if (!(error instanceof SocketError)) throw error;
        if (error.code === "EAGAIN" || i < listeners.length) continue;
      }
      socket.close();
      clients.splice(clients.indexOf(socket), 1);
    }
  }
}

/** `loopback`: talks to itself. */
export function* loopback(kernel: Kernel): Task<number> {
  const { net, console, executor } = kernel.parts;
  const address = { address: LOOPBACK, port: DEFAULT_PORT };
  const server = net.stream();
  server.bind(address);
  server.listen();
  console.write(`Listening on ${endpointText(address)}\n`);
  const client = executor.spawn(
    "client",
    (function* (): Task<boolean> {
      const socket = net.stream();
      yield* socket.connect(address);
      console.write("Client successfully connected\n");
      yield* socket.send(encode(GREETING));
      return (yield* readText(socket)) === GREETING;
    })(),
  );
  const accepted = yield* server.accept();
  console.write(`Accepted connection from ${endpointText(accepted.getpeername())}\n`);
  const said = yield* readText(accepted);
  yield* accepted.send(encode(said));
  return (yield* client.join()) && said === GREETING ? 0 : 1;
}

/** So many bytes as the greeting has. */
function* readText(socket: TcpSocket): Task<string> {
  const bytes = new Uint8Array(GREETING.length);
  for (let done = 0; done < bytes.length;) {
    const n = yield* socket.recv(bytes.subarray(done));
    if (n === 0) break;
    done += n;
  }
  return decode(bytes);
}
