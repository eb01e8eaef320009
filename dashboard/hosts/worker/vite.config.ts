import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { deferred } from "./deferred.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** The machine's worker for one transport: DENO_CONDITIONS names it, as everywhere. */
const transport = process.env.DENO_CONDITIONS === "mmio" ? "mmio" : "pci";

export default defineConfig({
  root: here("../../.."),
  plugins: [deferred()],
  publicDir: false,
  resolve: { conditions: [transport] },
  build: {
    outDir: here("../../static"),
    emptyOutDir: false,
    target: "es2023",
    modulePreload: false,
    rolldownOptions: {
      input: here("../../worker/entry.ts"),
      output: {
        format: "es",
        entryFileNames: `worker-${transport}.js`,
        chunkFileNames: `worker-${transport}-rest-[hash].js`,
      },
    },
  },
});
