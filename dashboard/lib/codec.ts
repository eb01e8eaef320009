/**
 * Messages as text, for a WebSocket: JSON, in which a typed array is an object with its type and its bytes in base64.
 *
 * `decode(encode(x))` equals `x` for all that the protocol sends: plain objects, arrays, numbers, strings, booleans,
 * undefined members left out, and the typed arrays below.
 */
const ARRAYS = { Uint8Array, Uint32Array, Float64Array } as const;
const KEY = "$array";

export function encode(message: unknown): string {
  return JSON.stringify(message, (_key, value) => {
    for (const name in ARRAYS) {
      const type = ARRAYS[name as keyof typeof ARRAYS];
      if (value instanceof type) {
        return {
          [KEY]: name,
          bytes: toBase64(new Uint8Array(value.buffer, value.byteOffset, value.byteLength)),
        };
      }
    }
    return value;
  });
}

/** @throws {SyntaxError} for what is no JSON, or an array of no known type. */
export function decode(text: string): unknown {
  return JSON.parse(text, (_key, value) => {
    if (value === null || typeof value !== "object" || typeof value[KEY] !== "string") return value;
    const type = ARRAYS[value[KEY] as keyof typeof ARRAYS];
    if (type === undefined) throw new SyntaxError(`an array of type ${value[KEY]}`);
    const bytes = fromBase64(value.bytes);
    return type === Uint8Array ? bytes : new type(bytes.buffer);
  });
}

function toBase64(bytes: Uint8Array): string {
  const native = (bytes as { toBase64?: () => string }).toBase64;
  if (native !== undefined) return native.call(bytes);
  let text = "";
  for (let i = 0; i < bytes.length; i += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  }
  return btoa(text);
}
function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const raw = atob(text);
  const bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return bytes;
}
