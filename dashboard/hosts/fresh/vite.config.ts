import { fresh } from "@fresh/plugin-vite";
import { defineConfig } from "vite";

/** Run from the folder that `tools/fresh.ts` makes. */
export default defineConfig({
  plugins: [fresh({ serverEntry: "hosts/fresh/main.ts" })],
  server: {
    fs: { allow: [".."] },
    headers: {
      "Cross-Origin-Opener-Policy": "same-origin",
      "Cross-Origin-Embedder-Policy": "require-corp",
    },
  },
});
