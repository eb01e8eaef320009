import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The npm host: static files that work in any folder of any server. */
export default defineConfig({
  root: here("."),
  base: "./",
  publicDir: here("../../static"),
  resolve: {
    alias: [
      { find: /^fresh$/, replacement: here("fresh.ts") },
      { find: /^fresh\/runtime$/, replacement: here("fresh_runtime.ts") },
    ],
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es" },
  build: { outDir: here("../../dist"), emptyOutDir: false, target: "es2022" },
  server: {
    // The shared files lie above this folder, what they know of virtio above the dashboard.
    fs: { allow: [here("../../..")] },
    headers: {
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    },
  },
});
