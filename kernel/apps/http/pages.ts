import type { Kernel } from "../../kernel.ts";

/** A file of the server's directory. */
export interface Page {
  readonly type: string;
  readonly text: string;
}

const STYLE =
  `body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 3rem auto; padding: 0 1rem; color: #222 }
h1 { font-weight: 600 } code { background: #f2f2f2; padding: 0 .25em } td { padding-right: 1.5em }
`;

/** The files that are always the same, by path. */
export function staticPages(kernel: Kernel): Readonly<Record<string, Page>> {
  const { platform, transport } = kernel.parts;
  const html = (title: string, body: string) =>
    `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${title}</title><link rel="stylesheet" href="/style.css"></head>
<body>
<h1>${title}</h1>
${body}
</body>
</html>
`;
  const index = html(
    "Pagurus",
    `<p>This page comes out of a unikernel: a small kernel with its own virtio driver, TCP/IP stack and web server,
running on a ${platform.name} ${platform.machine} with a ${transport} network card.</p>
<table>
<tr><td><a href="/hello.txt">/hello.txt</a></td><td>a line of text</td></tr>
<tr><td><a href="/about.html">/about.html</a></td><td>what answers here</td></tr>
<tr><td><a href="/big/1">/big/N</a></td><td>N MiB that are always the same, to 4096</td></tr>
<tr><td><a href="/big/1.sha256">/big/N.sha256</a></td><td>their SHA-256, as sha256sum prints it</td></tr>
<tr><td><a href="/metrics">/metrics</a></td><td>what happened so far, for Prometheus</td></tr>
<tr><td>/echo</td><td>POST something, and it comes back</td></tr>
</table>`,
  );
  const about = html(
    "What answers here",
    `<p>No operating system lies below this server. A frame is taken from a virtqueue, looked through by the kernel's own
stack, and what it holds is given to a task that waits for it; the answer goes the same way back.</p>
<p>It speaks HTTP/1.1: GET and HEAD, connections that stay open, requests that come before the last was answered, bodies
with a length or in chunks. What makes no sense is told so, and who says nothing is hung up on.</p>
<p><a href="/">back</a></p>`,
  );
  return {
    "/": { type: "text/html; charset=utf-8", text: index },
    "/index.html": { type: "text/html; charset=utf-8", text: index },
    "/about.html": { type: "text/html; charset=utf-8", text: about },
    "/style.css": { type: "text/css; charset=utf-8", text: STYLE },
    "/hello.txt": { type: "text/plain; charset=utf-8", text: "Hello from the unikernel!\n" },
    "/robots.txt": { type: "text/plain; charset=utf-8", text: "User-agent: *\nDisallow: /big/\n" },
  };
}
