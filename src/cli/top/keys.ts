/** A key by its name: `up`, `down`, `interrupt`, `escape`, or its character. */
export type Key = string

const NAMES: Readonly<Record<string, Key>> = {
  '\u001b[A': 'up',
  '\u001bOA': 'up',
  '\u001b[B': 'down',
  '\u001bOB': 'down',
  '\u0003': 'interrupt',
  '\u001b': 'escape',
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: keys are control characters.
const KEY = /\u001b\[[0-9;]*[A-Za-z~]|\u001bO[A-Z]|[\s\S]/gu

/** The keys of what a terminal sent at once. Several: typed fast, or pasted. */
export function keysIn(text: string): Key[] {
  return (text.match(KEY) ?? []).map((key) => NAMES[key] ?? key)
}
