import type { Content } from "./directory.ts";

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  304: "Not Modified",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  413: "Content Too Large",
  414: "URI Too Long",
  417: "Expectation Failed",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

/** A status in words (RFC 9110, 15). */
export function reasonOf(status: number): string {
  return REASONS[status] ?? "Unknown";
}

/** The body of an answer that is an error. */
export class ErrorPage implements Content {
  readonly type = "text/plain; charset=utf-8";
  readonly body: Uint8Array;

  constructor(readonly status: number, message: string) {
    this.body = new TextEncoder().encode(`${status} ${reasonOf(status)}: ${message}\n`);
  }
  get length(): number {
    return this.body.length;
  }
}
