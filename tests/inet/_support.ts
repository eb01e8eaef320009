export { onceTest as once } from "../support/once.ts";

/** Bytes of hexadecimal digits; blanks do not matter. */
export function hex(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text.replace(/\s/g, "").match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

const FILE = new URL("../data/net/ipxe-on-slirp.json", import.meta.url);

/** A frame that iPXE or libslirp has sent: see the file for how it was recorded. */
export function recorded(name: string): Uint8Array<ArrayBuffer> {
  const frames = JSON.parse(Deno.readTextFileSync(FILE)).frames as Record<string, string>;
  if (frames[name] === undefined) throw new Error(`no frame ${name}`);
  return hex(frames[name]);
}

/** A source of random 32-bit numbers that starts where `seed` says. */
export function xorshift(seed: number): () => number {
  let x = seed | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}
