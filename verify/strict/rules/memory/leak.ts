import type { BufferView } from "../../events.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Place } from "../../report.ts";
import type { Rule, Scene } from "../../rule.ts";
import { hex } from "./support.ts";

/** Device memory that is left when the machine ends, though nobody can use it any more. */
export const MEMORY_LEAK: Rule = {
  id: "device-memory-leak",
  clauses: [],
  level: "warning",
  section: "no clause: what was allocated is freed",
  title: "A driver that has shut its device down gives all device memory back",
  hint: "The place is where it was asked for. Is there a path, an error perhaps, on which it is not freed?",
  watch(scene) {
    /** Where it was asked for, by the address. */
    const askedFor = new Map<number, Place>();
    return {
      allocated: ({ piece, phys }) => void (piece || askedFor.set(phys, scene.machine.place())),
      freed: ({ piece, phys }) => void (piece || askedFor.delete(phys)),
      end(how) {
        if (how !== "ended") return;
        const left = [...scene.machine.allocated].filter((buffer) => !buffer.piece && isLeft(scene, buffer));
        for (const buffer of left) {
          scene.report({
            device: deviceOf(scene, buffer),
            found: `${buffer.length} bytes at ${hex(buffer.phys)}, "${buffer.owner}", are still allocated`,
            expected: "freed before the end, as the device was reset",
            place: askedFor.get(buffer.phys) ?? [],
          });
        }
      },
    };
  },
};

/** A device that was driven, and reset at the end. */
const isDown = (device: DeviceModel): boolean => device.resets > 1 && device.status === 0;
const wasDriven = (device: DeviceModel): boolean => device.resets > 0;

function isLeft(scene: Scene, buffer: BufferView): boolean {
  const device = deviceOf(scene, buffer);
  if (device !== undefined) return isDown(device);
  const driven = scene.machine.devices.filter(wasDriven);
  return driven.length > 0 && driven.every(isDown);
}

/** The device that an allocation was made for, as far as its owner's name says where it is. */
function deviceOf(scene: Scene, buffer: BufferView): DeviceModel | undefined {
  return scene.machine.devices.find((d) => buffer.owner.includes(d.place) || buffer.owner.includes(d.name));
}
