/** What a request is for. */
import { HttpError, type Request } from "./head.ts";

/** The path of a request's target, without its query, decoded. @throws {HttpError} 400 */
export function pathOf({ target, method }: Request): string {
  if (target === "*" && method === "OPTIONS") return target;
  // A proxy's form names the host as well (RFC 9112, 3.2.2).
  const path = target.replace(/^https?:\/\/[^/?#]*/i, "").replace(/[?#].*$/s, "");
  if (path === "" && path !== target) return "/";
  if (!path.startsWith("/")) throw new HttpError(400, "the address makes no sense");
  try {
    return decodeURIComponent(path);
  } catch {
    throw new HttpError(400, "the address is badly encoded");
  }
}

/** Whether an `If-None-Match` names a tag. */
export function hasTag(wanted: string | undefined, etag: string): boolean {
  return wanted !== undefined &&
    wanted.split(",").some((w) => w.trim() === "*" || w.trim().replace(/^W\//, "") === etag);
}
