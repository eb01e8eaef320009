import { notOffered, type States } from "../state.ts";

/** Kinds of devices for which there is neither a model nor a driver. */
const BLOCK = notOffered("no block device: neither a model nor a driver");
const BALLOON = notOffered("no memory balloon: neither a model nor a driver");
const VSOCK = notOffered("no socket device: neither a model nor a driver");
const FS = notOffered("no file system device: neither a model nor a driver");

export const absent: States = {
  "drivernormative:Device Types / Block Device / Device Initialization": { "1-10": BLOCK },
  "devicenormative:Device Types / Block Device / Device Initialization": { "1-18": BLOCK },
  "drivernormative:Device Types / Block Device / Device Operation": { "1-26": BLOCK },
  "devicenormative:Device Types / Block Device / Device Operation": { "1-41": BLOCK },
  "drivernormative:Device Types / Memory Balloon Device / Feature bits": { "1-3": BALLOON },
  "devicenormative:Device Types / Memory Balloon Device / Feature bits": { 1: BALLOON },
  "drivernormative:Device Types / Memory Balloon Device / Device Operation": { "1-12": BALLOON },
  "devicenormative:Device Types / Memory Balloon Device / Device Operation": { "1-2": BALLOON },
  "drivernormative:Device Types / Memory Balloon Device / Device Operation / Memory Statistics": {
    "1-8": BALLOON,
  },
  "devicenormative:Device Types / Memory Balloon Device / Device Operation / Memory Statistics": {
    "1-2": BALLOON,
  },
  "drivernormative:Device Types / Memory Balloon Device / Device Operation / Free Page Hinting": {
    "1-10": BALLOON,
  },
  "devicenormative:Device Types / Memory Balloon Device / Device Operation / Free Page Hinting": {
    "1-6": BALLOON,
  },
  "drivernormative:Device Types / Memory Balloon Device / Device Operation / Page Poison": { "1-3": BALLOON },
  "devicenormative:Device Types / Memory Balloon Device / Device Operation / Page Poison": { 1: BALLOON },
  "drivernormative:Device Types / Memory Balloon Device / Device Operation / Free Page Reporting": {
    "1-6": BALLOON,
  },
  "devicenormative:Device Types / Memory Balloon Device / Device Operation / Free Page Reporting": {
    "1-2": BALLOON,
  },
  "drivernormative:Device Types / Socket Device / Feature bits": { "1-3": VSOCK },
  "devicenormative:Device Types / Socket Device / Feature bits": { "1-3": VSOCK },
  "drivernormative:Device Types / Socket Device / Device Operation / Virtqueue Flow Control": { 1: VSOCK },
  "devicenormative:Device Types / Socket Device / Device Operation / Virtqueue Flow Control": { 1: VSOCK },
  "drivernormative:Device Types / Socket Device / Device Operation / Buffer Space Management": {
    "1-2": VSOCK,
  },
  "devicenormative:Device Types / Socket Device / Device Operation / Buffer Space Management": {
    "1-2": VSOCK,
  },
  "drivernormative:Device Types / Socket Device / Device Operation / Receive and Transmit": { "1-2": VSOCK },
  "devicenormative:Device Types / Socket Device / Device Operation / Receive and Transmit": { "1-2": VSOCK },
  "drivernormative:Device Types / Socket Device / Device Operation / Device Events": { "1-4": VSOCK },
  "drivernormative:Device Types / File System Device / Device configuration layout": { "1-2": FS },
  "devicenormative:Device Types / File System Device / Device configuration layout": { "1-2": FS },
  "devicenormative:Device Types / File System Device / Device Operation / Device Operation: High Priority Queue":
    { "1-2": FS },
  "drivernormative:Device Types / File System Device / Device Operation / Device Operation: High Priority Queue":
    { "1-3": FS },
  "drivernormative:Device Types / File System Device / Device Operation / Device Operation: Notification Queue":
    { "1-2": FS },
  "devicenormative:Device Types / File System Device / Device Operation / Device Operation: DAX Window": {
    "1-5": FS,
  },
  "drivernormative:Device Types / File System Device / Device Operation / Device Operation: DAX Window": {
    "1-3": FS,
  },
};
