import { useSignal } from "@preact/signals";
import type { ComponentChildren, ComponentType } from "preact";

/** Something that is folded up; what is in it is drawn (and its script loaded) when it is opened first. */
export function Drawer(props: { title: ComponentChildren; content: ComponentType }) {
  const opened = useSignal(false);
  const Content = props.content;
  return (
    <details onToggle={(e) => opened.value ||= e.currentTarget.open}>
      <summary>{props.title}</summary>
      {opened.value && <Content />}
    </details>
  );
}
