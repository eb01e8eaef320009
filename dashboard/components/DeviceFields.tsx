import {
  OFFERED_DEVICES,
  type OfferedProp,
  type PropList,
  propOf,
  propsText,
  withProp,
} from "../lib/setup.ts";

/** One device of a command line: what it is, folded up the properties that can be set by fields, and a way to remove it. */
export function DeviceFields(
  props: { device: PropList; change: (to: PropList) => void; remove: () => void },
) {
  const { device, change, remove } = props;
  const offered = OFFERED_DEVICES.find((d) => d.driver === device.first)?.props ?? [];
  const set = (name: string, value: string | undefined) => change(withProp(device, name, value));
  const packed = offered.find((p) => p.name === "packed");
  return (
    <li>
      <details>
        <summary title="Properties">
          <code>{propsText(device)}</code>
        </summary>
        {offered.length === 0 && <p class="explain">Its properties can be set in the command line below.</p>}
        <ul class="properties" aria-label={`Properties of ${device.first}`}>
          {offered.filter((p) => p !== packed).map((p) => (
            <Field
              key={p.name}
              prop={p}
              value={propOf(device, p.name)}
              set={(v) => set(p.name, v)}
            />
          ))}
        </ul>
      </details>
      <span class="side">
        {packed !== undefined && (
          <label title={packed.help}>
            <Switch prop={packed} value={propOf(device, "packed")} set={(v) => set("packed", v)} />{" "}
            packed ring
          </label>
        )}
        <button
          type="button"
          onClick={remove}
          aria-label={`Remove ${device.first}`}
          title={`Remove ${device.first}`}
          class="remove"
        >
          ✕
        </button>
      </span>
    </li>
  );
}

interface Setting {
  readonly prop: OfferedProp;
  /** As it stands in the command line. */
  readonly value: string | undefined;
  /** undefined: back to the default. */
  readonly set: (value: string | undefined) => void;
}

function Field(props: Setting) {
  const { prop, value, set } = props;
  return (
    <li>
      <label>
        {prop.type === "switch" ? <Switch {...props} /> : (
          <input
            class="short"
            inputMode={prop.type === "number" ? "numeric" : "text"}
            placeholder={prop.default}
            value={value ?? ""}
            onChange={(e) => set(e.currentTarget.value.trim() || undefined)}
          />
        )}
        <span>
          <code>{prop.name}</code> <small>{prop.help}</small>
        </span>
      </label>
    </li>
  );
}

function Switch({ prop, value, set }: Setting) {
  return (
    <input
      type="checkbox"
      checked={(value ?? prop.default) === "on"}
      onChange={(e) => {
        const to = e.currentTarget.checked ? "on" : "off";
        set(to === prop.default ? undefined : to);
      }}
    />
  );
}
