/**
 * What the demo machine boots without, cut off from the worker at build time.
 *
 * The first view must not wait for all applications, TCP, and the devices of other machines. Kernel and devices know
 * nothing of that: they import as they always do. Here an import of a module of {@link DEFERRED} leads to a stand-in; the
 * real modules lie in a second file that `worker/rest.ts` loads. The stand-in's bindings are set then: what uses one
 * before fails, so that the worker lets nothing that needs them begin earlier (`worker/entry.ts`).
 *
 * A module may be in the list if those who import it use it in functions only, not while they are loaded themselves. A
 * browser test boots both machines without the rest.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Plugin } from "vite";

const root = new URL("../../../", import.meta.url);
const path = (name: string) => fileURLToPath(new URL(name, root));

/** What comes in the second file, with all that only these import. */
export const DEFERRED: readonly string[] = [
  "dashboard/worker/strict.ts",
  "kernel/apps/echo.ts",
  "kernel/apps/hermit_ci.ts",
  "kernel/apps/httpd.ts",
  "kernel/apps/netbench.ts",
  "kernel/apps/ping.ts",
  "kernel/apps/wget.ts",
  "kernel/shell/commands.ts",
  "kernel/net/tcp_socket.ts",
  "kernel/net/udp_socket.ts",
  "kernel/net/echo_socket.ts",
  "kernel/net/datagram_queue.ts",
  "kernel/net/dns_answer.ts",
  "inet/dns.ts",
  "inet/tcp/connection.ts",
  "inet/tcp/fire.ts",
  "inet/tcp/handshake.ts",
  "inet/tcp/input.ts",
  "inet/tcp/lifecycle.ts",
  "inet/tcp/output.ts",
  "drivers/virtio/virtqueue/packed.ts",
  "devices/virtio/queue_packed.ts",
  "devices/machine/pc.ts",
  "devices/net/fault_link.ts",
  "devices/net/filter.ts",
  "devices/net/hub.ts",
  "devices/net/offload.ts",
];

const REST = path("dashboard/worker/rest.ts");
const STAND_IN = "\0deferred:";
const ALL = "\0deferred";

/** A name that a module exports as a value, and whether it is a function. */
interface Exported {
  readonly name: string;
  readonly fn: boolean;
}

/** What of a module's syntax tree matters here. */
interface Statement {
  readonly type: string;
  readonly exportKind?: string;
  readonly declaration?: {
    readonly type: string;
    readonly id?: { readonly name: string };
    readonly declarations?: readonly { readonly id: { readonly name: string } }[];
  } | null;
}

/** @throws {Error} for a way of exporting that has no stand-in: a list of names, or another module's. */
function exported(body: readonly Statement[], file: string): Exported[] {
  return body.filter((s) => s.type.startsWith("Export") && s.exportKind !== "type").flatMap((s) => {
    const { declaration } = s;
    const fn = declaration?.type === "FunctionDeclaration";
    if (s.type === "ExportNamedDeclaration" && declaration) {
      if (declaration.declarations) return declaration.declarations.map((d) => ({ name: d.id.name, fn }));
      if (declaration.id) return [{ name: declaration.id.name, fn }];
    }
    throw new Error(`${file}: cannot be deferred: it exports by other means than declarations`);
  });
}

/** A function may be taken hold of early, as an entry of a table: its stand-in calls the real one. */
function standIn(names: readonly Exported[], number: number): string {
  const lines = ["import { parts } from '" + ALL + ":parts';", "let m;", "parts.push((all) => {"];
  lines.push(`m = all.m${number};`);
  for (const { name, fn } of names) if (!fn) lines.push(`${name} = m.${name};`);
  lines.push("});");
  for (const { name, fn } of names) {
    lines.push(fn ? `export function ${name}(...a) { return m.${name}(...a); }` : `export let ${name};`);
  }
  return lines.join("\n");
}

/** @param names modules to be cut off, from the repository's root. */
export function deferred(names: readonly string[] = DEFERRED): Plugin {
  const numbers = new Map(names.map((name, i) => [path(name), i]));
  return {
    name: "deferred",
    enforce: "pre",
    async resolveId(source, importer) {
      if (source.startsWith(ALL)) return source;
      if (importer === undefined || importer === ALL) return;
      const found = await this.resolve(source, importer, { skipSelf: true });
      if (found === null || !numbers.has(found.id) || numbers.has(importer)) return;
      return STAND_IN + found.id;
    },
    async load(id) {
      if (id === ALL) {
        return names.map((name, i) => `export * as m${i} from ${JSON.stringify(path(name))};`).join("\n");
      }
      if (id === `${ALL}:parts`) return "export const parts = [];";
      if (id === REST) {
        return `import { parts } from '${ALL}:parts';\n` +
          `export const loadRest = () => import('${ALL}').then((all) => { for (const p of parts) p(all); });`;
      }
      if (!id.startsWith(STAND_IN)) return;
      const file = id.slice(STAND_IN.length);
      const { body } = this.parse(await readFile(file, "utf8"), { lang: "ts" });
      return standIn(exported(body as readonly Statement[], file), numbers.get(file)!);
    },
  };
}
