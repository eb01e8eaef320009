/** A web server; Hermit's image `httpd`. */
import type { Task } from "../executor.ts";
import type { Kernel } from "../kernel.ts";
import { Directory, HttpServer } from "./http/mod.ts";
import { numberArgument, onInterrupt, placesOf, portArgument } from "./support.ts";

/** `httpd [port [requests]]`: serves until ^C, or until so many requests were answered, as in Hermit's CI. */
export function* httpd(kernel: Kernel, args: readonly string[]): Task<number> {
  const port = portArgument(args[0]);
  const requests = numberArgument(args[1], "the number of requests", Infinity, 1, 1e9);
  const { console, net } = kernel.parts;
  const server = new HttpServer(net, new Directory(kernel), {}, requests);
  server.listen(port);
  console.write(`Now listening on port ${port}: ${placesOf(kernel, port)}\n`);
  const watch = onInterrupt(kernel, () => server.stop());
  yield* server.run();
  watch.cancel();
  const { connections, requests: served } = server.counters;
  console.write(`${connections} connections, ${served} requests\n`);
  return 0;
}
