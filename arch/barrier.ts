import { Barrier, type DeviceMemory } from "./device_memory.ts";

// As constants of this module V8 folds them; an imported one, and its property, it loads at each use.
const DMA_GENERAL = Barrier.DmaGeneral;
const DMA_READ = Barrier.DmaRead;
const DMA_WRITE = Barrier.DmaWrite;
const SMP_GENERAL = Barrier.SmpGeneral;
const SMP_READ = Barrier.SmpRead;
const SMP_WRITE = Barrier.SmpWrite;

/**
 * Memory barriers as virtio needs them (virtio 1.4, 6: VIRTIO_F_ORDER_PLATFORM). With ORDER_PLATFORM the device is
 * ordered as the platform orders devices (`dma` barriers); without, it is another CPU (`smp` barriers). In the simulator a
 * barrier orders nothing: it is recorded, and in the fast build it is inlined away.
 */

/** Loads before the barrier are done before loads after it. */
export function readBarrier(memory: DeviceMemory, orderPlatform: boolean): void {
  memory.barrier(orderPlatform ? DMA_READ : SMP_READ);
}

/** Stores before the barrier are visible before stores after it. */
export function writeBarrier(memory: DeviceMemory, orderPlatform: boolean): void {
  memory.barrier(orderPlatform ? DMA_WRITE : SMP_WRITE);
}

/** Also orders a store before a later load: between publishing and reading the other side's suppression. */
export function generalBarrier(memory: DeviceMemory, orderPlatform: boolean): void {
  memory.barrier(orderPlatform ? DMA_GENERAL : SMP_GENERAL);
}
