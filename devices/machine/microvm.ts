import { type Board, type BoardContext, IO_APIC_PCI_PINS, type MmioSlot } from "./board.ts";
import { VIRTIO_MMIO_BASE, VIRTIO_MMIO_SLOT } from "../../spec/virtio/mmio.ts";
import { IOAPIC2_BASE, IOAPIC_PINS } from "./ioapic.ts";
import { MachineError, onOff } from "./props.ts";

/**
 * `-machine microvm`: no PCI, but virtio-mmio transports at fixed places. As in QEMU 7.2 (microvm_devices_init): with a
 * second IOAPIC 24 of them at its pins; with `ioapic2=off` 8 at pins 16 to 23; with `acpi=off` 8 at pins 5 to 12.
 */
export function microvm(ctx: BoardContext): Board {
  const { desc } = ctx;
  const flag = (name: string, standard: boolean) =>
    onOff(`microvm property '${name}'`, desc.machineProps[name] ?? (standard ? "on" : "off"), true) ??
      standard;
  if (flag("pcie", false)) {
    throw new MachineError("microvm property 'pcie': 'on' is not supported (possible: off, auto)");
  }
  const acpi = flag("acpi", true);
  const second = acpi && flag("ioapic2", true) ? ctx.addIoapic(IOAPIC2_BASE) : undefined;
  const count = second === undefined ? 8 : IOAPIC_PINS;
  const firstLine = second !== undefined ? IOAPIC_PINS : acpi ? IO_APIC_PCI_PINS : 5;
  const mmioSlots: MmioSlot[] = [];
  for (let i = 0; i < count; i++) {
    const name = `virtio-mmio-bus.${i}`;
    const irq = second === undefined ? ctx.ioapic.line(firstLine + i, name) : second.line(i, name);
    mmioSlots.push({
      base: VIRTIO_MMIO_BASE + i * VIRTIO_MMIO_SLOT,
      size: VIRTIO_MMIO_SLOT,
      irq,
      line: firstLine + i,
    });
  }
  return {
    mmioSlots,
    // With ACPI the guest finds transports in tables; without, QEMU tells the kernel, last transport first
    // (microvm_fix_kernel_cmdline).
    commandLine: (used) => {
      if (acpi || !flag("auto-kernel-cmdline", true)) return desc.append;
      const found = [...used].sort((a, b) => b - a).map((slot) => {
        const { base, line } = mmioSlots[slot];
        return ` virtio_mmio.device=512@0x${base.toString(16)}:${line}`;
      });
      return desc.append + found.join("");
    },
  };
}
