import { App, staticFiles } from "fresh";
import type { State } from "./utils.ts";

/** The Fresh host: the same routes, islands and static files as the npm host. */
export const app = new App<State>();

// Before the static files, so that they have them too: workers of an isolated page must be isolated themselves.
app.use(async (ctx) => {
  const response = await ctx.next();
  response.headers.set("Cross-Origin-Opener-Policy", "same-origin");
  response.headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  return response;
});
app.use(staticFiles());
app.fsRoutes();
