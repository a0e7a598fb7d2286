/*
 * Changes of a JSON text that leave all else in it as it was written: numbers that JavaScript cannot hold, the tokens
 * of Python, the order of the keys. The text is known to be JSON (or Python's, with NaN and Infinity).
 */

/** Where a value begins and ends in its text. */
interface Span {
  readonly from: number
  readonly to: number
}

/** The items of a JSON array, each as its text. */
export function itemTexts(text: string): readonly string[] {
  return [...spansIn(text)].map(({ value }) => text.slice(value.from, value.to))
}

/**
 * The text of a JSON object with another value at a path of keys; `value` is JSON. A key that is not there becomes the
 * first one.
 */
export function withMember(text: string, [key, ...rest]: readonly string[], value: string): string {
  const name = JSON.stringify(key)
  // The last of equal keys counts, as everywhere.
  const members = [...spansIn(text)]
  const found = members.findLast((one) => one.key !== undefined && JSON.parse(one.key) === key)
  if (found) {
    const { from, to } = found.value
    const inner = rest.length === 0 ? value : withMember(text.slice(from, to), rest, value)
    return text.slice(0, from) + inner + text.slice(to)
  }
  const at = text.indexOf('{') + 1
  const added = `${name}:${rest.length === 0 ? value : withMember('{}', rest, value)}`
  return `${text.slice(0, at)}${added}${members.length === 0 ? '' : ','}${text.slice(at)}`
}

/** The members of the object, or the items of the array, that the text is. */
function* spansIn(text: string): Generator<{ readonly key?: string; readonly value: Span }> {
  const start = blanksFrom(text, 0)
  const isObject = text[start] === '{'
  for (let at = blanksFrom(text, start + 1); at < text.length && !isClosing(text[at]); ) {
    let key: string | undefined
    if (isObject) {
      const end = endOfValue(text, at)
      key = text.slice(at, end)
      at = blanksFrom(text, blanksFrom(text, end) + 1)
    }
    const to = endOfValue(text, at)
    yield { key, value: { from: at, to } }
    at = blanksFrom(text, to)
    if (text[at] === ',') at = blanksFrom(text, at + 1)
  }
}

function endOfValue(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const char = text[at]
    if (char === '"') at = endOfText(text, at)
    else if (char === '{' || char === '[') depth++
    else if (isClosing(char) && --depth < 0) return at
    else if (char === ',' && depth === 0) return at
    if (depth > 0) continue
    if (char === '"' || isClosing(char)) return at + 1
    if (isBlank(char)) return at
  }
  return text.length
}

/** Place of the quotation mark that ends the text beginning here. */
function endOfText(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let escapes = 0
    while (text[at - 1 - escapes] === '\\') escapes++
    if (escapes % 2 === 0) return at
  }
  return text.length
}

function blanksFrom(text: string, from: number): number {
  let at = from
  while (isBlank(text[at])) at++
  return at
}

function isBlank(char: string | undefined): boolean {
  return char === ' ' || char === '\n' || char === '\r' || char === '\t'
}

function isClosing(char: string | undefined): boolean {
  return char === '}' || char === ']'
}
