import type { PackedRing, Place } from "../lib/views/packed_ring.ts";

/** What a slot may hold, for the legend. */
const HOLDS = [
  ["available", "available: the device's"],
  ["used", "used"],
  ["rest", "rest of a used chain"],
  ["empty", "never written"],
] as const;
const OUTER = 100, INNER = 78, THIN = 88;

/** A packed ring as a circle, slot 0 at the top, clockwise; what the device has is broader. */
export function RingCircle(props: { ring: PackedRing }) {
  const { size, descriptors, driver, device, outstanding } = props.ring;
  const gap = size > 64 ? 0 : 0.06;
  return (
    <figure class="circle">
      <svg
        viewBox="-132 -132 264 264"
        role="img"
        aria-label={`A ring of ${size} descriptors. Driver at ${driver.slot}, wrap counter ${driver.wrap}; ` +
          `device at ${device.slot}, wrap counter ${device.wrap}; ${outstanding} with the device.`}
      >
        {descriptors.map((d) => (
          <path
            key={d.index}
            class={`slot ${d.holds}`}
            d={sector(
              (d.index + gap) / size,
              (d.index + 1 - gap) / size,
              d.owner === "device" ? INNER : THIN,
              OUTER,
            )}
          >
            <title>{`${d.index}: ${d.holds}, ${d.owner}'s`}</title>
          </path>
        ))}
        <line class="start" x1="0" y1={-INNER + 4} x2="0" y2={-OUTER - 6} />
        <Hand place={driver} size={size} who="driver" from={118} to={103} />
        <Hand place={device} size={size} who="device" from={58} to={74} />
        <text class="driver" y="-22">driver at {driver.slot}</text>
        <text class="driver small" y="-9">wrap counter {driver.wrap}</text>
        <text class="device" y="12">device at {device.slot}</text>
        <text class="device small" y="25">wrap counter {device.wrap}</text>
      </svg>
      <figcaption>
        {HOLDS.map(([kind, words]) => (
          <span key={kind} class="held">
            <span class={`slot ${kind}`} /> {words}
          </span>
        ))}
      </figcaption>
    </figure>
  );
}

function point(turn: number, radius: number): string {
  const angle = 2 * Math.PI * turn - Math.PI / 2;
  return `${(radius * Math.cos(angle)).toFixed(2)} ${(radius * Math.sin(angle)).toFixed(2)}`;
}
function sector(from: number, to: number, inner: number, outer: number): string {
  const large = to - from > .5 ? 1 : 0;
  // A ring of one descriptor is a whole turn, which an arc cannot be.
  const end = to - from >= 1 ? from + .9999 : to;
  return `M${point(from, outer)} A${outer} ${outer} 0 ${large} 1 ${point(end, outer)} L${
    point(end, inner)
  } ` +
    `A${inner} ${inner} 0 ${large} 0 ${point(from, inner)} Z`;
}
/** Points at the middle of a slot. */
function Hand(props: { place: Place; size: number; who: string; from: number; to: number }) {
  const turn = (props.place.slot + .5) / props.size;
  const side = props.from > props.to ? .018 : .03;
  return (
    <path
      class={`hand ${props.who}`}
      d={`M${point(turn, props.to)} L${point(turn - side, props.from)} L${point(turn + side, props.from)} Z`}
    />
  );
}
