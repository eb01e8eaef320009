/** Splits a command line at blanks, as a shell does; `'two words'` are one. */
export function words(line: string): string[] {
  return (line.match(/'[^']*'|\S+/g) ?? []).map((word) => word.replace(/^'(.*)'$/s, "$1"));
}
