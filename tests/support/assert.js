// Deno's own std, republished on npm without types; the types stand in assert.d.ts so that assertions narrow.
// @ts-types="./assert.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";
