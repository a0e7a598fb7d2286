/** Lines and columns are from 1. */
export interface TextPlace {
  readonly line: number
  readonly column: number
  readonly offset: number
}

/** Where a text stops being JSON, and what was expected there. */
export interface JsonFault extends TextPlace {
  readonly expected: string
  /** What is there, shortened. */
  readonly got: string
}

type Expected = 'value' | 'item' | 'key' | 'first key' | 'colon' | 'next'

const WORDS: Readonly<Record<Expected, string>> = {
  value: 'a value',
  item: 'a value or ]',
  key: 'a name in double quotes',
  'first key': 'a name in double quotes or }',
  colon: 'a colon',
  next: 'the end of the text',
}
const LITERALS = ['true', 'false', 'null']
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const SHOWN = 12

/** Undefined for JSON. The browsers' own messages name no line, or each another one. */
export function jsonFault(text: string): JsonFault | undefined {
  const open: ('{' | '[')[] = []
  let expected: Expected = 'value'
  let at = 0
  for (;;) {
    while (/[ \t\n\r]/.test(text[at] ?? '')) at++
    const inside = open.at(-1)
    const character = text[at]
    if (character === undefined && expected === 'next' && !inside) return undefined
    const closes = character === '}' || character === ']'
    if (closes && mayClose(expected, inside, character)) {
      open.pop()
      expected = 'next'
      at++
    } else if (expected === 'next' && character === ',' && inside) {
      expected = inside === '{' ? 'key' : 'value'
      at++
    } else if (expected === 'colon' && character === ':') {
      expected = 'value'
      at++
    } else if ((expected === 'value' || expected === 'item') && (character === '{' || character === '[')) {
      open.push(character)
      expected = character === '{' ? 'first key' : 'item'
      at++
    } else {
      const isKey: boolean = expected === 'key' || expected === 'first key'
      const isOpen = isKey || expected === 'value' || expected === 'item'
      const end = isOpen ? tokenEnd(text, at, isKey) : undefined
      if (typeof end === 'object') return faultAt(text, end.at, end.expected)
      if (end === undefined) return faultAt(text, at, expected === 'next' ? nextWords(inside) : WORDS[expected])
      expected = isKey ? 'colon' : 'next'
      at = end
    }
  }
}

function mayClose(expected: Expected, inside: string | undefined, character: string): boolean {
  if (character === '}') return inside === '{' && (expected === 'next' || expected === 'first key')
  return inside === '[' && (expected === 'next' || expected === 'item')
}

function nextWords(inside: string | undefined): string {
  if (inside === undefined) return WORDS.next
  return inside === '{' ? 'a comma or }' : 'a comma or ]'
}

/** Where the text, number or word that begins here ends; undefined: none does. */
function tokenEnd(
  text: string,
  at: number,
  isKey: boolean,
): number | { readonly at: number; readonly expected: string } | undefined {
  if (text[at] === '"') return stringEnd(text, at)
  if (isKey) return undefined
  const literal = LITERALS.find((one) => text.startsWith(one, at))
  if (literal) return at + literal.length
  NUMBER.lastIndex = at
  return NUMBER.test(text) ? NUMBER.lastIndex : undefined
}

function stringEnd(text: string, start: number): number | { readonly at: number; readonly expected: string } {
  for (let at = start + 1; at < text.length; at++) {
    const character = text[at] as string
    if (character === '"') return at + 1
    if (character < ' ') return { at, expected: 'the end of the text in quotes, or \\n for a line break' }
    if (character !== '\\') continue
    const sequence = text.slice(at + 1, at + 6)
    if (!/^(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.test(sequence))
      return { at, expected: 'one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX' }
    at += sequence[0] === 'u' ? 5 : 1
  }
  return { at: text.length, expected: 'a closing double quote' }
}

export function placeAt(text: string, offset: number): TextPlace {
  const before = text.slice(0, offset)
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n'), offset }
}

function faultAt(text: string, at: number, expected: string): JsonFault {
  const rest = text.slice(at, at + SHOWN).split('\n', 1)[0] ?? ''
  const got = rest === '' && at >= text.length ? 'the end' : rest || 'a line break'
  return { ...placeAt(text, at), expected, got }
}
