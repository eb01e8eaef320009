/**
 * Virtio infrastructure (Hermit's `drivers/virtio/mod.rs`): feature negotiation and the order of initialization.
 * Transports live in `transport/`, queues in `virtqueue/`.
 */
export * from "./error.ts";
export * from "./features.ts";
