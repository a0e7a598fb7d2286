/* Where something is in a text of JSON that the user writes. */
import { syntaxProblem } from './jsonSyntax.ts'

/** From 1. */
export interface TextPlace {
  readonly line: number
  readonly column: number
  readonly offset: number
}

/** What is wrong with a text that is no JSON, and where; undefined where it is JSON. */
export function jsonProblem(text: string): { readonly detail: string; readonly place: TextPlace } | undefined {
  const problem = syntaxProblem(text)
  if (!problem) return undefined
  const { offset, expected } = problem
  const got = offset >= text.length ? 'the end' : text.slice(offset, offset + 12).split('\n', 1)[0]
  return { detail: `expected ${expected}, got ${got}`, place: placeAt(text, offset) }
}

export function placeAt(text: string, offset: number): TextPlace {
  const before = text.slice(0, offset)
  const start = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: offset - start + 1, offset }
}

/**
 * Where the value of a pointer begins, as of `#/tags/1/name` (RFC 6901 as a URI fragment), or what is around it, where
 * it is missing; the beginning where the text is no JSON.
 */
export function placeOfPointer(text: string, pointer: string): TextPlace {
  let at = pastSpace(text, 0)
  for (const part of pointer.replace(/^#?\/?/, '').split('/')) {
    if (part === '') break
    const child = childAt(text, at, nameOf(part))
    if (child === undefined) break
    at = child
  }
  return placeAt(text, at)
}

function nameOf(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    // A lone % that was not escaped.
    return part
  }
}

/** Where the value of a member, or an item, begins in the value that begins at `at`. */
function childAt(text: string, at: number, name: string): number | undefined {
  const isObject = text[at] === '{'
  if (!isObject && text[at] !== '[') return undefined
  let place = pastSpace(text, at + 1)
  for (let index = 0; place < text.length && text[place] !== '}' && text[place] !== ']'; index++) {
    let key = String(index)
    if (isObject) {
      const end = pastString(text, place)
      key = keyOf(text.slice(place, end))
      place = pastSpace(text, pastSpace(text, end) + 1)
    }
    if (key === name) return place
    place = pastSpace(text, pastValue(text, place))
    if (text[place] === ',') place = pastSpace(text, place + 1)
  }
  return undefined
}

function keyOf(quoted: string): string {
  try {
    return String(JSON.parse(quoted))
  } catch {
    // No JSON: then no name fits.
    return ''
  }
}

function pastSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && /\s/.test(text[at] as string)) at++
  return at
}

function pastString(text: string, from: number): number {
  let at = from + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at + 1
}

function pastValue(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const character = text[at] as string
    if (character === '"') at = pastString(text, at) - 1
    else if (character === '{' || character === '[') depth++
    else if (character === '}' || character === ']') {
      if (depth === 0) return at
      if (--depth === 0) return at + 1
    } else if (character === ',' && depth === 0) return at
  }
  return text.length
}
