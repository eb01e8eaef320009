/** Rules of device memory: whose it is, when, and in which order it is touched. */
import type { Rule } from "../../rule.ts";
import { BUFFER_UNSEEN } from "./unseen.ts";
import { BUFFER_SHARED } from "./shared.ts";
import { BUFFER_FREED, BUFFER_NOT_IN_RAM, BUFFER_TOO_LONG } from "./addresses.ts";
import { BEYOND_ALLOCATION, GIVEN_TWICE } from "./bounds.ts";
import { DEVICE_IN_ORDER, DEVICE_USED_ID, DEVICE_USED_INDEX, DEVICE_USED_LENGTH } from "./device_used.ts";
import { DEVICE_WRITES_OUTSIDE } from "./device_write.ts";
import { FREED_IN_FLIGHT, FREED_TWICE, RING_FREED, USE_AFTER_FREE } from "./freed.ts";
import {
  DEVICE_AREA_WRITTEN,
  RECEIVE_BUFFER_READ,
  RECEIVE_BUFFER_WRITTEN,
  SENT_BUFFER_WRITTEN,
  TABLE_IN_FLIGHT,
} from "./in_flight.ts";
import { BUFFER_IN_RING } from "./in_ring.ts";
import { MEMORY_LEAK } from "./leak.ts";
import { ORDER_PLATFORM_BARRIERS } from "./order_platform.ts";
import { REUSED_UNSEEN } from "./reused_unseen.ts";
import { UNWRITTEN_SENT } from "./uninitialised.ts";

export const MEMORY_RULES: readonly Rule[] = [
  BUFFER_NOT_IN_RAM,
  BUFFER_FREED,
  BUFFER_TOO_LONG,
  DEVICE_USED_ID,
  DEVICE_USED_INDEX,
  DEVICE_USED_LENGTH,
  DEVICE_IN_ORDER,
  DEVICE_WRITES_OUTSIDE,
  RING_FREED,
  FREED_IN_FLIGHT,
  USE_AFTER_FREE,
  TABLE_IN_FLIGHT,
  SENT_BUFFER_WRITTEN,
  RECEIVE_BUFFER_WRITTEN,
  RECEIVE_BUFFER_READ,
  DEVICE_AREA_WRITTEN,
  MEMORY_LEAK,
  ORDER_PLATFORM_BARRIERS,
  REUSED_UNSEEN,
  UNWRITTEN_SENT,
  FREED_TWICE,
  BUFFER_SHARED,
  BUFFER_IN_RING,
  BUFFER_UNSEEN,
  BEYOND_ALLOCATION,
  GIVEN_TWICE,
];
