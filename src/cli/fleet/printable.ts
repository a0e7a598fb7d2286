/**
 * What a terminal, or a reader of lines, would obey instead of showing: control characters, line and paragraph
 * separators, marks that change the direction of text, characters without a width, and halves of a surrogate pair.
 */
const OBEYED = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/gu

/** Text on one line, in which each such character is written as an escape of JavaScript, as `\u001b`. */
export function printable(text: string): string {
  return text.replace(OBEYED, (character) => `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, '0')}`)
}
