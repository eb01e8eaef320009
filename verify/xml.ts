/** XML for reports: elements and text, escaped. */

/** An element; `body` is XML already. */
export function element(name: string, attributes: Record<string, string | number>, body: string): string {
  const words = Object.entries(attributes).map(([k, v]) => ` ${k}="${escape(`${v}`)}"`).join("");
  return body === "" ? `<${name}${words}/>` : `<${name}${words}>${body}</${name}>`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

/** Text as XML takes it; characters that XML 1.0 has no room for are shown as their code. */
export function escape(text: string): string {
  return Array.from(text, (c) => {
    const code = c.charCodeAt(0);
    const fits = code >= 0x20 && code < 0xd800 || c === "\t" || c === "\n" || c === "\r" || c.length === 2;
    return ENTITIES[c] ?? (fits ? c : `\\u${code.toString(16).padStart(4, "0")}`);
  }).join("");
}
