import type { Task } from "../executor.ts";
import type { Kernel } from "../kernel.ts";
import { SocketError } from "../net/mod.ts";
import { fetchUrl, HttpError, parseUrl } from "./http/mod.ts";
import { Sha256 } from "./http/sha256.ts";
import { AppUsageError } from "./support.ts";

/** Bytes of a body that are printed. */
const SHOWN = 4096;

/**
 * `wget URL`: prints status, size and SHA-256, and the body if it is short text.
 *
 * @returns 0 if the status says success.
 */
export function* wget(kernel: Kernel, args: readonly string[]): Task<number> {
  const out = (line: string) => kernel.parts.console.write(line + "\n");
  return yield* wgetTo(kernel, args, out);
}

/** The same with its output elsewhere. @throws {AppUsageError} */
export function* wgetTo(kernel: Kernel, args: readonly string[], out: (line: string) => void): Task<number> {
  const url = args.length === 1 ? parseUrl(args[0]) : undefined;
  if (url === undefined) throw new AppUsageError("wget http://HOST[:PORT]/PATH");
  const hash = new Sha256();
  const shown = new Uint8Array(SHOWN);
  let length = 0;
  try {
    const { head } = yield* fetchUrl(kernel.parts.net, url, (bytes) => {
      hash.update(bytes);
      if (length < SHOWN) shown.set(bytes.subarray(0, SHOWN - length), length);
      length += bytes.length;
    });
    const type = head.fields.get("content-type") ?? "unknown type";
    out(`${head.from}: ${head.status} ${head.reason}, ${length} bytes, ${type}`);
    out(`sha256 ${hash.hex()}`);
    if (length <= SHOWN && /^text\/|json|xml/.test(type)) {
      for (const line of new TextDecoder().decode(shown.subarray(0, length)).trimEnd().split("\n")) out(line);
    }
    return head.status < 400 ? 0 : 1;
  } catch (error) {
    if (!(error instanceof SocketError || error instanceof HttpError)) throw error;
    out(`wget: ${error.message}`);
    return 1;
  }
}
