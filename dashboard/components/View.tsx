import type { ComponentChildren } from "preact";

/** A view: its title, one sentence that explains it to someone who sees it first, and what it shows. */
export function View(
  props: { id: string; title: string; explain: ComponentChildren; children: ComponentChildren },
) {
  return (
    <section class="view" aria-labelledby={`${props.id}-title`}>
      <h2 id={`${props.id}-title`}>{props.title}</h2>
      <p class="explain">{props.explain}</p>
      {props.children}
    </section>
  );
}

/** Something larger than its place: it scrolls, by keyboard too. */
export function Scroll(props: { label: string; children: ComponentChildren; class?: string }) {
  return (
    <div class={`scroll ${props.class ?? ""}`} tabIndex={0} role="region" aria-label={props.label}>
      {props.children}
    </div>
  );
}

/** Who owns or does something: a mark of its own colour and shape, and the word. */
export function Who(props: { who: string }) {
  return <span class={`who ${props.who}`}>{props.who}</span>;
}

/** What stands where there is nothing to show. */
export function Nothing(props: { children: ComponentChildren }) {
  return <p class="nothing">{props.children}</p>;
}
