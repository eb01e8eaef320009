import { useSignal, useSignalEffect } from "@preact/signals";
import { session } from "../lib/app.ts";
import { DEMO_SETUP, writeHash } from "../lib/link.ts";
import type { Setup } from "../lib/protocol.ts";
import {
  formOf,
  machineOf,
  MACHINES,
  otherTransport,
  transportOf,
  withOption,
  wordsOf,
} from "../lib/setup.ts";

const APPS = ["shell", "ping", "httpd", "echo", "netbench", "loopback", "stdin"];

/** What machine is booted: QEMU's command line, and the rest that a link holds. */
export default function SetupForm() {
  const setup = useSignal<Setup>(session.setup.value ?? DEMO_SETUP.pci);
  const said = useSignal("");
  useSignalEffect(() => {
    if (session.setup.value !== undefined) setup.value = session.setup.value;
  });
  if (session.source.value?.canBoot !== true) return <p class="faint">{session.source.value?.title}</p>;
  const change = (more: Partial<Setup>) => {
    const next = { ...setup.value, ...more };
    setup.value = { ...next, transport: transportOf(formOf(next.words)) ?? next.transport };
  };
  const choose = (name: string) => {
    const form = formOf(setup.value.words);
    const to = name === "microvm" ? "mmio" : "pci";
    const moved = to === transportOf(form) ? form : otherTransport(form, to);
    change({ words: wordsOf(withOption(moved, "machine", name)) });
  };
  const boot = async (event: Event) => {
    event.preventDefault();
    if (await session.boot(setup.value)) history.replaceState(null, "", writeHash(setup.value));
  };
  const copy = async (text: string, what: string) => {
    try {
      await navigator.clipboard.writeText(text);
      said.value = `${what} copied`;
    } catch {
      said.value = "the browser does not let this page copy";
    }
  };
  const { words, seed, app, args, careful, latency } = setup.value;
  return (
    <form class="setup" onSubmit={boot}>
      <div class="buttons">
        <label>
          Machine{" "}
          <select value={machineOf(formOf(words)).first} onChange={(e) => choose(e.currentTarget.value)}>
            {MACHINES.map((m) => <option key={m.name} value={m.name} title={m.help}>{m.name}</option>)}
          </select>
        </label>
        <label>
          App{" "}
          <select value={app} onChange={(e) => change({ app: e.currentTarget.value })}>
            {[...new Set([...APPS, app])].map((a) => <option key={a}>{a}</option>)}
          </select>
        </label>
        <label>
          with{" "}
          <input
            size={12}
            value={args}
            onInput={(e) => change({ args: e.currentTarget.value })}
            aria-label="Arguments"
          />
        </label>
        <label>
          Seed{" "}
          <input
            type="number"
            min={0}
            max={0xffff_ffff}
            value={seed}
            onInput={(e) => change({ seed: Number(e.currentTarget.value) })}
          />
        </label>
        <label>
          Latency{" "}
          <input
            type="number"
            min={0}
            value={latency}
            onInput={(e) => change({ latency: Number(e.currentTarget.value) })}
          />{" "}
          ns
        </label>
        <label>
          <input
            type="checkbox"
            checked={careful}
            onChange={(e) => change({ careful: e.currentTarget.checked })}
          />{" "}
          careful
        </label>
        <button type="submit" id="boot">Boot</button>
        <button type="button" onClick={() => void copy(words, "the command line")}>Copy command line</button>
        <button
          type="button"
          onClick={() => void copy(location.href.split("#")[0] + writeHash(setup.value), "the link")}
        >
          Copy link
        </button>
        <output class="faint">{said.value}</output>
      </div>
      <textarea
        id="words"
        rows={2}
        spellcheck={false}
        aria-label="The machine in QEMU's words"
        value={words}
        onInput={(e) => change({ words: e.currentTarget.value })}
      />
      {session.ignored.value.map((text) => <p key={text} class="faint">ignored: {text}</p>)}
    </form>
  );
}
