/** Memory of the guest: frames, virtual pages, and the memory that devices see. */
export * from "./page_range_alloc.ts";
export * from "./physicalmem.ts";
export * from "./virtualmem.ts";
export * from "./device_alloc.ts";
