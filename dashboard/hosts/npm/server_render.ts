/**
 * Renders every route and island as a server does, in a process that has nothing of a browser, and prints what came out as
 * JSON: `{ "islands/Tasks.tsx": "<section ..." }`. For a test of what the Fresh host needs.
 */
import { type ComponentType, h } from "preact";
import { renderToStringAsync } from "preact-render-to-string";

const dashboard = new URL("../../", import.meta.url);
// What Deno has in common with a browser is not on every server.
for (const name of ["Worker", "WebSocket", "localStorage", "sessionStorage", "navigator", "location"]) {
  delete (globalThis as Record<string, unknown>)[name];
}

const html: Record<string, string> = {};
for (const folder of ["islands", "routes"]) {
  for await (const { name } of Deno.readDir(new URL(`${folder}/`, dashboard))) {
    const module = await import(new URL(`${folder}/${name}`, dashboard).href);
    const part = module.default as ComponentType<{ Component?: () => string }>;
    const props = name === "_app.tsx" ? { Component: () => "the page" } : {};
    html[`${folder}/${name}`] = await renderToStringAsync(h(part, props));
  }
}
console.log(JSON.stringify(html));
