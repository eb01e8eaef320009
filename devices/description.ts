/** The description of a machine; see `description/mod.ts`. */
export * from "./description/mod.ts";
