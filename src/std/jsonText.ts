/* JSON as text: where its strings end. */

/**
 * Index of the closing quote of the string that opens at `start`; the text's length where there is none. Linear over
 * all strings of a text.
 */
export function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1)
  while (end !== -1 && isEscaped(text, end)) end = text.indexOf('"', end + 1)
  return end === -1 ? text.length : end
}

/** True after an odd number of backslashes. */
function isEscaped(text: string, index: number): boolean {
  let before = index - 1
  while (text.charCodeAt(before) === 0x5c) before--
  return (index - before) % 2 === 0
}
