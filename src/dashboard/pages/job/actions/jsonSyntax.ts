/* Where a text stops to be JSON: browsers do not all say so. */

/** What may come next. */
type Expected = 'value' | 'value or ]' | 'name' | 'name or }' | ':' | ', or the end' | 'nothing'

const NAMES: Readonly<Record<Expected, string>> = {
  value: 'a value',
  'value or ]': 'a value or ]',
  name: 'a name in double quotes',
  'name or }': 'a name in double quotes, or }',
  ':': ':',
  ', or the end': ', or the end of the list or object',
  nothing: 'nothing more',
}

const SCALAR = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y
const SPACE = /[ \t\n\r]*/y

/** The first character that does not fit, and what would; undefined for JSON. */
export function syntaxProblem(text: string): { readonly offset: number; readonly expected: string } | undefined {
  const around: ('{' | '[')[] = []
  let expected: Expected = 'value'
  let at = past(SPACE, text, 0)
  while (at < text.length) {
    const next = step(text, at, expected, around)
    if (!next) return { offset: at, expected: NAMES[expected] }
    expected = next.expected
    at = past(SPACE, text, next.end)
  }
  return expected === 'nothing' ? undefined : { offset: text.length, expected: NAMES[expected] }
}

interface Step {
  readonly end: number
  readonly expected: Expected
}

function step(text: string, at: number, expected: Expected, around: ('{' | '[')[]): Step | undefined {
  const character = text[at] as string
  const isClosed = (character === ']' && around.at(-1) === '[') || (character === '}' && around.at(-1) === '{')
  if (isClosed && (expected === ', or the end' || expected.endsWith(` ${character}`))) {
    around.pop()
    return { end: at + 1, expected: afterValue(around) }
  }
  if (expected === ':') return character === ':' ? { end: at + 1, expected: 'value' } : undefined
  if (expected === ', or the end')
    return character === ',' ? { end: at + 1, expected: around.at(-1) === '{' ? 'name' : 'value' } : undefined
  if (expected === 'nothing') return undefined
  const end = pastString(text, at)
  if (expected.startsWith('name')) return end > at ? { end, expected: ':' } : undefined
  if (character === '{' || character === '[') {
    around.push(character)
    return { end: at + 1, expected: character === '{' ? 'name or }' : 'value or ]' }
  }
  const scalar = end > at ? end : past(SCALAR, text, at)
  return scalar > at ? { end: scalar, expected: afterValue(around) } : undefined
}

function afterValue(around: readonly string[]): Expected {
  return around.length === 0 ? 'nothing' : ', or the end'
}

/** Behind what fits there; the same where nothing does. */
function past(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at
  return pattern.test(text) ? pattern.lastIndex : at
}

const ESCAPE = /["\\/bfnrt]|u[0-9a-fA-F]{4}/y

/** Behind the string that begins there; the same where none does. By hand: it may have a million characters. */
function pastString(text: string, from: number): number {
  if (text[from] !== '"') return from
  for (let at = from + 1; at < text.length; at++) {
    const character = text[at] as string
    if (character === '"') return at + 1
    if (character < ' ') return from
    if (character !== '\\') continue
    const end = past(ESCAPE, text, at + 1)
    if (end === at + 1) return from
    at = end - 1
  }
  return from
}
