import { readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { defineConfig, minify, type Plugin } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The workers come as they were bundled: Vite's minifier finds some more. */
function minifyWorkers(): Plugin {
  return {
    name: "minify-workers",
    apply: "build",
    async closeBundle() {
      for (const name of await readdir(here("../../dist"))) {
        if (!/^worker-.*\.js$/.test(name)) continue;
        const file = here(`../../dist/${name}`);
        const { code, errors } = await minify(name, await readFile(file, "utf8"), {
          module: true,
          compress: { target: "es2022" },
          mangle: { toplevel: true },
        });
        if (errors.length > 0) throw new Error(`${name}: ${errors[0].message}`);
        await writeFile(file, code);
      }
    },
  };
}

/** The npm host: static files that work in any folder of any server. */
export default defineConfig({
  root: here("."),
  plugins: [minifyWorkers()],
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
  build: { outDir: here("../../dist"), emptyOutDir: true, target: "es2022" },
  server: {
    // The shared files lie above this folder, what they know of virtio above the dashboard.
    fs: { allow: [here("../../..")] },
    headers: {
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    },
  },
});
