/**
 * Cuts a command line into words as a shell does: spaces between them, single and double quotes, a backslash before a
 * character that is meant as such. A quote that is not closed ends with the text.
 */
export function splitWords(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (quote !== "") {
      if (c === quote) quote = "";
      else if (c === "\\" && quote === '"' && /["\\$`]/.test(text[i + 1] ?? "")) word += text[++i];
      else word += c;
    } else if (c === "'" || c === '"') {
      quote = c;
      word ??= "";
    } else if (c === "\\" && i + 1 < text.length) {
      // A backslash at the end of a line joins it with the next.
      if (text[++i] !== "\n") word = (word ?? "") + text[i];
    } else if (/\s/.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? "") + c;
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** Words as a command line that {@link splitWords} and a shell read the same. */
export function joinWords(words: readonly string[]): string {
  return words.map((w) => /^[\w@%+=:,./~^-]+$/.test(w) ? w : `'${w.replaceAll("'", `'\\''`)}'`).join(" ");
}
