/** `deno task golden --help`. */
export const HELP = `usage: deno task golden [--json] PATH...

Replays traces of Hermit's virtqueues (format hermit-virtq-golden/1, files or folders) on SplitVq and PackedVq, and
prints a line per scenario:

  same                         every byte, notification, barrier, result and queue state as in the trace
  diverges: D01 (clause), ...  different, and each difference is a known defect of Hermit that showed in this trace
  DIFFERS at step N: ...       a difference that nothing explains, with both sides

How it judges. Two plain models run beside our queue: one with Hermit's defects, one as virtio 1.4 says. Whatever is the
same on both sides is accepted. Where trace and ours differ, the trace must be what the first model gives, ours what the
second gives, and the step at which they part names the defect. So after a divergence everything is still compared:
ours against the corrected model, byte by byte, the device's writes renamed to our ids, positions and addresses.

D08 shows wherever a barrier is recorded, so nearly every scenario has it: the type of each barrier (read, write,
general) and their order are compared, and D08 is reported only if the kind is the other way round.

Not counted as divergences, because no byte of the ring depends on them:
  - the read barrier of the split ring's try_recv stands after the load of used.idx (virtio 1.4, 2.7.14), so that a
    try_recv that finds nothing has none; one that finds something must have it
  - enable_notifs has a general barrier and looks again for used buffers
  - a pop of the wrong kind is a typed error and leaves its element; Hermit panics and loses it
  - accesses to queue_select

Left open by the corrected model: the value of used_event (split, EVENT_IDX: D13), the driver's event structure after a
dispatch with notif (packed, EVENT_IDX: D05), and which descriptors an in-order queue takes (D14).

What shows where, in the traces of the project:
  D01 split chain that does not fit        D08 barriers                          D15 split size no power of two
  D02 packed batch of several              D09 bad id reported by the device     D16 token without elements
  D03 packed batch after a full ring       D10 descriptor edited by the device   D17 element of length 0
  D04 packed event index of the device     D11 split notif, split batch          D18 reported length too large
  D05 packed notif with EVENT_IDX          D12 blocking dispatch                 D20 empty batch
  D06 NEXT in packed indirect tables       D13 split EVENT_IDX                   D21 token lost by a failed dispatch
  D07 INDIRECT not negotiated              D14 IN_ORDER

Exit status: 0; 1 if anything DIFFERS; 2 if an argument or a file is bad.`;
