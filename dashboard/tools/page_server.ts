import { encode } from "../lib/codec.ts";
import { decode } from "../lib/codec.ts";
import type { News, Reply, Request } from "../lib/protocol.ts";
import { DIST } from "./build.ts";

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  json: "application/json",
};

/** Bytes that may wait for a page that does not read; progress beyond that is left out. */
export const SLOW = 1 << 20;

/** Somebody at the other end of a WebSocket. */
export interface Page {
  /** Sends; news about progress are dropped for a page that is too slow, as newer ones follow. */
  post(message: News | Reply): void;
  /** Bytes that it has yet to read. */
  readonly buffered: number;
  /** Shows it out, with a code of WebSocket's and a sentence of at most 123 bytes. */
  close(code: number, why: string): void;
  onRequest: (request: Request) => void;
  onGone: () => void;
}

export interface PageServerOptions {
  /** 0: any free one. */
  readonly port: number;
  /** Greets a page that has connected with the right token; without it there is nothing to attach to. */
  readonly connect?: (page: Page) => void;
}

/** The built page on 127.0.0.1, and what it attaches to. */
export class PageServer {
  /** What the page must name to be let in. */
  readonly token: string = crypto.randomUUID();
  private readonly server: Deno.HttpServer<Deno.NetAddr>;

  /** @throws {Deno.errors.AddrInUse} */
  constructor(private readonly options: PageServerOptions) {
    this.server = Deno.serve(
      { hostname: "127.0.0.1", port: options.port, onListen: () => {} },
      (request) => this.handle(request),
    );
  }

  get origin(): string {
    return `http://127.0.0.1:${this.server.addr.port}`;
  }
  /** What to open in a browser. */
  get link(): string {
    return this.options.connect === undefined ? `${this.origin}/` : `${this.origin}/?attach=${this.token}`;
  }
  /** The server keeps no program alive that has nothing else to do. */
  unref(): void {
    this.server.unref();
  }
  async close(): Promise<void> {
    await this.server.shutdown();
  }

  private handle(request: Request_): Response | Promise<Response> {
    const url = new URL(request.url);
    // A name that leads here by DNS is somebody else's page.
    if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(request.headers.get("host") ?? "")) {
      return new Response("this server answers to 127.0.0.1 only\n", { status: 403 });
    }
    if (url.pathname === "/socket") return this.socket(request, url);
    return file(url.pathname, /\bbr\b/.test(request.headers.get("accept-encoding") ?? ""));
  }
  private socket(request: Request_, url: URL): Response {
    const { connect } = this.options;
    const origin = request.headers.get("origin");
    const own = origin === null || origin === this.origin ||
      origin === this.origin.replace("127.0.0.1", "localhost");
    if (connect === undefined || !own || url.searchParams.get("token") !== this.token) {
      return new Response("not for you: open the link that was printed\n", { status: 403 });
    }
    if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
      return new Response("a WebSocket\n", { status: 426 });
    }
    const { socket, response } = Deno.upgradeWebSocket(request);
    const page: Page = {
      post(message) {
        if (socket.readyState !== WebSocket.OPEN) return;
        if ("news" in message && message.news === "progress" && socket.bufferedAmount > SLOW) return;
        socket.send(encode(message));
      },
      get buffered() {
        return socket.bufferedAmount;
      },
      close: (code, why) => socket.close(code, why),
      onRequest: () => {},
      onGone: () => {},
    };
    socket.onopen = () => connect(page);
    socket.onmessage = (event) => {
      try {
        page.onRequest(decode(event.data) as Request);
      } catch {
        socket.close(1002, "not a message of this page");
      }
    };
    socket.onclose = () => page.onGone();
    return response;
  }
}

type Request_ = globalThis.Request;

/** A file of the built page. Nothing outside its folder can be named: a URL's path has no `..` left. */
async function file(pathname: string, brotli: boolean): Promise<Response> {
  const name = nameOf(pathname);
  const headers = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cache-Control": name.startsWith("assets/") ? "max-age=31536000, immutable" : "no-cache",
    "Content-Type": TYPES[name.split(".").at(-1)!] ?? "application/octet-stream",
    "X-Content-Type-Options": "nosniff",
  };
  try {
    if (name === "" || name.split(/[/\\]/).includes("..")) throw new Deno.errors.NotFound();
    if (brotli) {
      const packed = await Deno.readFile(new URL(`${name}.br`, DIST)).catch(() => undefined);
      const encoded = { ...headers, "Content-Encoding": "br", Vary: "Accept-Encoding" };
      if (packed !== undefined) return new Response(packed, { headers: encoded });
    }
    return new Response(await Deno.readFile(new URL(name, DIST)), { headers });
  } catch {
    return new Response("not found\n", { status: 404 });
  }
}

/** Empty for what names nothing. */
function nameOf(pathname: string): string {
  if (pathname === "/") return "index.html";
  try {
    return decodeURIComponent(pathname.slice(1));
  } catch {
    return "";
  }
}
