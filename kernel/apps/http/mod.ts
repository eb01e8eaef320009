/**
 * HTTP/1.1 (RFC 9110, RFC 9112), server and client, over the kernel's sockets.
 *
 * `stream.ts` buffers a connection, `head.ts` reads what stands before a body and `body.ts` the body; `server.ts` takes
 * connections, `connection.ts` serves one, `directory.ts` has what is served (`pages.ts`, `big_file.ts`, `metrics.ts`);
 * `client.ts` fetches.
 */
export { type FetchedHead, fetchUrl, parseUrl } from "./client.ts";
export { type Content, Directory } from "./directory.ts";
export { HttpError } from "./head.ts";
export { HttpServer, type ServerLimits } from "./server.ts";
