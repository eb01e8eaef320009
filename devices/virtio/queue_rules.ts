/** The rules a driver can break in a ring, as cited in messages. */
export const Rule = {
  inUse: "virtio 1.4, 2.7.13.1: a descriptor is not made available again before it was used",
  availIdx:
    "virtio 1.4, 2.7.6: idx goes up by one for each chain made available, and no more than the queue's size wait",
  size: "virtio 1.4, 4.1.4.3.2: the driver does not write queue_size of an enabled queue",
  head: "virtio 1.4, 2.7.6: an entry is the index of a descriptor, less than the queue's size",
  next: "virtio 1.4, 2.7.5: next is the index of a descriptor of the same table",
  loop:
    "virtio 1.4, 2.7.5.2: the driver must not create a descriptor chain longer than the table, nor a loop",
  order: "virtio 1.4, 2.7.4.2: buffers the device reads come before buffers it writes",
  address: "virtio 1.4, 2.7.5: addr is a guest-physical address",
  zero: "virtio 1.4, 2.7.5: a buffer has a length; QEMU takes none of zero",
  segments:
    "virtio 1.4, 2.7.5.2: a chain is no longer than the queue's size; QEMU takes 1024 segments at most",
  table:
    "virtio 1.4, 2.7.5.3: an indirect table has a length that is a multiple of 16, and at least one descriptor",
  tableAddress: "virtio 1.4, 2.7.5.3: the table lies in guest memory",
} as const;
