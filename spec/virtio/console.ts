/** Console device (virtio 1.4, 5.3). */

/** Offsets in the device configuration (virtio 1.4, 5.3.4). */
export const ConsoleConfig = { COLS: 0, ROWS: 2, MAX_NR_PORTS: 4, EMERG_WR: 8, SIZE: 12 } as const;

/** Queue numbers of port 0 and of the control queues (virtio 1.4, 5.3.2). */
export const ConsoleQueue = { RECEIVE: 0, TRANSMIT: 1, CTRL_RECEIVE: 2, CTRL_TRANSMIT: 3 } as const;

/** Events of the control queue (virtio 1.4, 5.3.6.2). */
export const ConsoleControl = {
  DEVICE_READY: 0,
  DEVICE_ADD: 1,
  DEVICE_REMOVE: 2,
  PORT_READY: 3,
  CONSOLE_PORT: 4,
  RESIZE: 5,
  PORT_OPEN: 6,
  PORT_NAME: 7,
} as const;
