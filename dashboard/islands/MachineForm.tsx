import { useSignal, useSignalEffect } from "@preact/signals";
import { DeviceFields } from "../components/DeviceFields.tsx";
import { session } from "../lib/app.ts";
import { DEMO_SETUP, writeHash } from "../lib/link.ts";
import type { Setup } from "../lib/protocol.ts";
import {
  addOffered,
  devicesOf,
  type Form,
  formOf,
  machineOf,
  MACHINES,
  OFFERED_DEVICES,
  onMachine,
  transportOf,
  withDevice,
  without,
  wordsOf,
} from "../lib/setup.ts";

const APPS = ["shell", "httpd", "ping", "echo", "netbench", "wget", "loopback"] as const;

/** What is booted: devices, transport, seed and application, and the QEMU command line that means the same. */
export default function MachineForm() {
  const draft = useSignal<Setup>(session.setup.value ?? DEMO_SETUP.pci);
  const copied = useSignal("");
  useSignalEffect(() => {
    if (session.setup.value !== undefined) draft.value = session.setup.value;
  });
  const set = (change: Partial<Setup>) => draft.value = { ...draft.value, ...change };
  const form: Form = formOf(draft.value.words);
  const setForm = (to: Form) => set({ words: wordsOf(to) });
  const boot = async (event: Event) => {
    event.preventDefault();
    if (await session.boot(draft.value)) history.replaceState(null, "", writeHash(draft.value));
  };
  const copy = async (what: string, text: string) => {
    try {
      await navigator.clipboard.writeText(text);
      copied.value = `${what} copied`;
    } catch {
      copied.value = `The browser does not let this page copy: ${text}`;
    }
  };
  const { transport } = draft.value;
  // What is typed decides which kernel is booted, as far as it says so.
  const type = (words: string) => set({ words, transport: transportOf(formOf(words)) ?? transport });
  const offered = OFFERED_DEVICES.filter((d) => d.transport === transport || d.transport === "any");
  if (session.source.value?.canBoot === false) {
    return (
      <p class="explain">This page looks at {session.source.value.title}: it cannot boot another machine.</p>
    );
  }
  return (
    <form class="machine" onSubmit={(e) => void boot(e)}>
      <div class="row">
        <label>
          Machine{" "}
          <select
            id="machine"
            value={machineOf(form).first}
            onChange={(e) => type(wordsOf(onMachine(form, e.currentTarget.value)))}
          >
            {MACHINES.map((m) => (
              <option key={m.name} value={m.name} title={m.help}>
                {m.name} ({m.name === "microvm" ? "virtio-mmio" : "PCI"})
              </option>
            ))}
          </select>
        </label>
        <label>
          Application{" "}
          <select value={draft.value.app} onChange={(e) => set({ app: e.currentTarget.value })}>
            {APPS.map((a) => <option key={a} value={a}>{a}</option>)}
          </select>
        </label>
        <label>
          Arguments{" "}
          <input
            class="short"
            value={draft.value.args}
            onInput={(e) => set({ args: e.currentTarget.value })}
          />
        </label>
        <label>
          Seed{" "}
          <input
            class="short"
            type="number"
            min={0}
            max={0xffff_ffff}
            value={draft.value.seed}
            onInput={(e) => set({ seed: Number(e.currentTarget.value) })}
          />
        </label>
        <label>
          Latency (ns){" "}
          <input
            class="short"
            type="number"
            min={0}
            value={draft.value.latency}
            onInput={(e) => set({ latency: Number(e.currentTarget.value) })}
          />
        </label>
        <label>
          <input
            type="checkbox"
            checked={draft.value.careful}
            onChange={(e) => set({ careful: e.currentTarget.checked })}
          />{" "}
          careful
        </label>
        <label title="The driver is watched; each rule of the specification that it breaks is named.">
          <input
            id="strict"
            type="checkbox"
            checked={draft.value.strict}
            onChange={(e) => set({ strict: e.currentTarget.checked })}
          />{" "}
          strict rules
        </label>
      </div>
      <ul class="devices" aria-label="Devices">
        {devicesOf(form).map(({ index, device }) => (
          <DeviceFields
            key={index}
            device={device}
            change={(to) => setForm(withDevice(form, index, to))}
            remove={() => setForm(without(form, index))}
          />
        ))}
        <li class="add">
          <label>
            Add{" "}
            <select
              id="add-device"
              value=""
              onChange={(e) => {
                const chosen = offered.find((d) => d.driver === e.currentTarget.value);
                e.currentTarget.value = "";
                if (chosen !== undefined) setForm(addOffered(form, chosen));
              }}
            >
              <option value="">a device…</option>
              {offered.map((d) => <option key={d.driver} value={d.driver}>{d.label}: {d.driver}</option>)}
            </select>
          </label>
        </li>
      </ul>
      <label class="words">
        The same as a QEMU command line
        <textarea
          id="words"
          rows={6}
          spellcheck={false}
          value={draft.value.words}
          onInput={(e) => type(e.currentTarget.value)}
        />
      </label>
      <div class="row">
        <button type="submit" id="boot">Boot</button>
        <button
          type="button"
          onClick={() => void copy("Command line", `qemu-system-x86_64 ${draft.value.words}`)}
        >
          Copy command line
        </button>
        <button
          type="button"
          onClick={() => void copy("Link", new URL(writeHash(draft.value), location.href).href)}
        >
          Copy link
        </button>
        <span role="status">{copied}</span>
      </div>
      {session.ignored.value.map((text) => <p key={text} class="explain">ignored: {text}</p>)}
    </form>
  );
}
