import { VirtioId } from "../../../../spec/virtio/ids.ts";
import { configFields } from "../../../../spec/virtio/config_fields.ts";
import type { DeviceModel } from "../../model/device.ts";
import type { Place } from "../../report.ts";
import type { Rule, Scene, Watcher } from "../../rule.ts";
import { facility } from "./_clauses.ts";
import { configOffset, hex, purposeOf } from "./_registers.ts";
import { PerDevice } from "./_state.ts";

/** Fields that are one thing: half of an old and half of a new one are wrong together. */
const TOGETHER: Readonly<Record<number, readonly (readonly string[])[]>> = {
  [VirtioId.Console]: [["cols", "rows"]],
  [VirtioId.Net]: [["speed", "duplex"]],
};

/** A stretch of the configuration that takes several reads. */
interface Group {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Which parts of a configuration one rule looks at. */
type GroupsOf = (device: DeviceModel) => readonly Group[];

/** Fields wider than 32 bits. */
const wideFields: GroupsOf = ({ virtioId }) =>
  (configFields(virtioId) ?? []).filter((f) => f.width > 4).map((f) => ({
    name: f.name,
    start: f.offset,
    end: f.offset + f.width,
  }));

/** Fields that belong together. */
const fieldsTogether: GroupsOf = ({ virtioId }) =>
  (TOGETHER[virtioId] ?? []).flatMap((names) => {
    const members = (configFields(virtioId) ?? []).filter((f) => names.includes(f.name));
    if (members.length < 2) return [];
    const end = members[members.length - 1];
    return [{ name: names.join(" and "), start: members[0].offset, end: end.offset + end.width }];
  });

/** The reading of a group that is going on. */
interface Reading {
  readonly group: Group;
  /** Values read by offset, and those of the round before without a look at the generation. */
  parts: Map<number, number>;
  round: Map<number, number> | undefined;
  place: Place;
}
/** It was found to have changed while a group was read, which is to be read again. */
interface Changed {
  readonly group: Group;
  readonly from: number;
  readonly to: number;
  readonly place: Place;
}
interface Progress {
  /** config_generation, as read last. */
  before: number | undefined;
  /** By name of a group. */
  readonly readings: Map<string, Reading>;
  readonly changed: Map<string, Changed>;
}

const HINT =
  "Read config_generation, the parts, config_generation again; if it changed read all of them again.";

/** A field that takes several reads is checked with the generation. */
export const CONFIG_GENERATION: Rule = {
  id: "config-generation",
  clauses: facility("Device Configuration Space", 1, 2),
  level: "violation",
  section: "virtio 1.4, 2.5.1",
  title: "A field that takes several reads is read between two equal reads of config_generation",
  hint: HINT,
  watch: (scene) => watchGroups(scene, wideFields),
};

/** Fields that belong together are. */
export const CONFIG_GENERATION_FIELDS: Rule = {
  id: "config-generation-fields",
  clauses: facility("Device Configuration Space", 2),
  level: "warning",
  section: "virtio 1.4, 2.5.1",
  title: "Fields that belong together are read between two equal reads of config_generation",
  hint: HINT,
  watch: (scene) => watchGroups(scene, fieldsTogether),
};

function watchGroups(scene: Scene, groupsOf: GroupsOf): Watcher {
  const all = new PerDevice((): Progress => ({
    before: undefined,
    readings: new Map(),
    changed: new Map(),
  }));
  const devices = new Set<DeviceModel>();
  /** The driver is done with reading, for now. */
  const settle = (device: DeviceModel) => {
    const { before, readings, changed } = all.of(device);
    for (const r of readings.values()) {
      if (r.parts.size > 1 && !sameTwice(r)) reportTorn(scene, device, r, before);
    }
    for (const c of changed.values()) reportChanged(scene, device, c);
    readings.clear();
    changed.clear();
  };
  const settleAll = () => devices.forEach(settle);
  const generation = (device: DeviceModel, value: number) => {
    const p = all.of(device);
    for (const [name, r] of p.readings) {
      if (r.parts.size < 2) continue;
      if (p.before === undefined) reportTorn(scene, device, r, p.before);
      else if (p.before !== value) {
        p.changed.set(name, { group: r.group, from: p.before, to: value, place: scene.machine.place() });
      }
    }
    p.readings.clear();
    p.before = value;
  };
  return {
    access(a) {
      const { device } = a;
      if (a.write || device.legacy) return;
      if (purposeOf(a) === "generation") {
        devices.add(device);
        return generation(device, a.value);
      }
      if (purposeOf(a) !== "config") return;
      const at = configOffset(a);
      const group = groupsOf(device).find((g) => at >= g.start && at < g.end);
      if (group === undefined) return;
      devices.add(device);
      const { readings, changed, before } = all.of(device);
      changed.delete(group.name);
      let r = readings.get(group.name);
      if (r === undefined) {
        readings.set(group.name, r = { group, parts: new Map(), round: undefined, place: [] });
      }
      if (r.parts.has(at)) {
        // A driver may also read until it gets the same twice.
        if (r.parts.size > 1 && r.round !== undefined && !sameTwice(r)) {
          reportTorn(scene, device, r, before);
          r.round = undefined;
        } else r.round = r.parts;
        r.parts = new Map();
      }
      r.parts.set(at, a.value);
      r.place = scene.machine.place();
    },
    driverOk: settle,
    // Who leaves while it reads makes no use of what it got.
    reset(device) {
      if (all.of(device).before === undefined) settle(device);
      else all.clear(device);
    },
    idle: settleAll,
    end: settleAll,
  };
}

const verb = (group: Group): string => group.name.includes(" and ") ? "were" : "was";

/** Two rounds of reads gave the same. */
function sameTwice(r: Reading): boolean {
  if (r.round === undefined || r.round.size !== r.parts.size) return false;
  for (const [at, value] of r.parts) if (r.round.get(at) !== value) return false;
  return true;
}

function reportTorn(scene: Scene, device: DeviceModel, r: Reading, before: number | undefined): void {
  const { group } = r;
  scene.report({
    device,
    found: `${group.name} ${verb(group)} read in ${r.parts.size} parts, and config_generation ` +
      (before === undefined ? "not before" : "not afterwards"),
    expected: "config_generation read before and after, with the same value",
    evidence: [...r.parts].map(([at, value]) => ({ what: `configuration at ${hex(at)}`, value: hex(value) })),
    place: r.place,
  });
}

function reportChanged(scene: Scene, device: DeviceModel, c: Changed): void {
  scene.report({
    device,
    found: `config_generation went from ${c.from} to ${c.to} while ${c.group.name} ${
      verb(c.group)
    } read, and not read again`,
    expected: `${c.group.name} read again until config_generation stays the same`,
    evidence: [
      { what: "config_generation before", value: hex(c.from) },
      { what: "config_generation after", value: hex(c.to) },
    ],
    place: c.place,
  });
}
