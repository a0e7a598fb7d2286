/* Where something is in a text of JSON that the user writes. */
import { stepsOf } from '../../form/model/json.ts'
import { placeAt, type TextPlace } from './jsonFault.ts'

/**
 * Where the value of a pointer begins, as of `#/tags/1/name` (RFC 6901 as a URI fragment), or what is around it, where
 * it is missing; the beginning where the text is no JSON.
 */
export function placeOfPointer(text: string, pointer: string): TextPlace {
  let at = pastSpace(text, 0)
  for (const name of stepsOf(pointer)) {
    const child = childAt(text, at, name)
    if (child === undefined) break
    at = child
  }
  return placeAt(text, at)
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
