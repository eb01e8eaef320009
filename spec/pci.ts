/** PCI configuration space: offsets and bits that both halves use (PCI Local Bus 3.0, 6). */
export const PciCfg = {
  VENDOR_ID: 0x00,
  DEVICE_ID: 0x02,
  COMMAND: 0x04,
  STATUS: 0x06,
  REVISION: 0x08,
  CLASS: 0x09,
  HEADER_TYPE: 0x0e,
  BAR0: 0x10,
  SUBSYSTEM_VENDOR_ID: 0x2c,
  SUBSYSTEM_ID: 0x2e,
  CAPABILITIES: 0x34,
  INTERRUPT_LINE: 0x3c,
  INTERRUPT_PIN: 0x3d,
} as const;

/** COMMAND register bits. */
export const PciCommand = { IO: 1, MEMORY: 2, BUS_MASTER: 4, INTX_DISABLE: 0x400 } as const;
/** STATUS register bits. */
export const PciStatus = { INTERRUPT: 0x08, CAP_LIST: 0x10 } as const;
/** Capability ids. */
export const PciCapId = { MSI: 0x05, VENDOR: 0x09, EXPRESS: 0x10, MSIX: 0x11 } as const;

/** Ports of configuration mechanism 1. */
export const PCI_CONFIG_ADDRESS = 0xcf8;
export const PCI_CONFIG_DATA = 0xcfc;

/** MSI-X capability: message control at +2 (bit 15 enable, 14 function mask), table at +4, PBA at +8. */
export const Msix = {
  CONTROL: 2,
  TABLE: 4,
  PBA: 8,
  ENABLE: 0x8000,
  FUNCTION_MASK: 0x4000,
  ENTRY_SIZE: 16,
} as const;
