/** What there is to know about PCI functions: configuration access, BARs, capabilities, MSI-X, interrupt routing. */
export * from "./bars.ts";
export * from "./capabilities.ts";
export * from "./config_access.ts";
export * from "./msix.ts";
export * from "./routing.ts";
