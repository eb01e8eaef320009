/** Rules of the console device (virtio 1.4, 5.3). */
import type { Rule } from "../../rule.ts";
import { CONSOLE_CONFIG_READ_ONLY } from "./config.ts";
import { CONSOLE_PORT_OPEN, CONSOLE_PORT_READY } from "./answers.ts";
import { CONSOLE_DEVICE_READY } from "./device_ready.ts";
import { CONSOLE_QUEUE_EXISTS } from "./queue_exists.ts";
import { CONSOLE_MESSAGE } from "./message.ts";
import { CONSOLE_RECEIVE_WRITABLE, CONSOLE_TRANSMIT_READABLE } from "./direction.ts";

export const CONSOLE_RULES: readonly Rule[] = [
  CONSOLE_QUEUE_EXISTS,
  CONSOLE_RECEIVE_WRITABLE,
  CONSOLE_TRANSMIT_READABLE,
  CONSOLE_CONFIG_READ_ONLY,
  CONSOLE_DEVICE_READY,
  CONSOLE_MESSAGE,
  CONSOLE_PORT_READY,
  CONSOLE_PORT_OPEN,
];
