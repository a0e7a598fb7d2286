/** What stands for one character of a text (or one word of a list), or for any number of them. */
type Step = 'any' | ((character: string) => boolean)

/**
 * A pattern with wildcards. It is matched without a regular expression, which a hostile pattern would keep busy for
 * minutes: the steps are at most the length of the pattern times that of the text, whatever both are.
 */
export class Glob {
  readonly #steps: readonly Step[]

  constructor(steps: readonly Step[]) {
    this.#steps = steps
  }

  /** True when the whole text fits, or all words do. */
  matches(text: string | readonly string[]): boolean {
    const steps = this.#steps
    let step = 0
    let at = 0
    // The last `any`, and how far the text is that it stands for: only this one can still take more. Earlier ones need
    // not.
    let any = -1
    let taken = 0
    while (at < text.length) {
      const one = steps[step]
      if (one === 'any') {
        any = step++
        taken = at
      } else if (one?.(text[at] as string)) {
        step++
        at++
      } else if (any >= 0) {
        step = any + 1
        at = ++taken
      } else return false
    }
    while (steps[step] === 'any') step++
    return step === steps.length
  }
}

/** A pattern in which `*` stands for any text, and every other character for itself. */
export function starGlob(pattern: string): Glob {
  return new Glob(characters(pattern).map((character) => (character === '*' ? 'any' : is(character))))
}

/** A pattern of Python's fnmatch: `*`, `?`, `[ab]`, `[a-c]`, `[!ab]`. */
export function fnmatchGlob(pattern: string): Glob {
  const steps: Step[] = []
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] as string
    const end = character === '[' ? setEnd(pattern, at) : -1
    if (character === '*') steps.push('any')
    else if (character === '?') steps.push(() => true)
    else if (end < 0) steps.push(is(character))
    else {
      steps.push(setOf(pattern.slice(at + 1, end)))
      at = end
    }
  }
  return new Glob(steps)
}

const WILDCARD = /(?:^|\.)[*#](?:\.|$)/

/** A pattern of a topic exchange: some of its words stand for others. */
export function isTopicPattern(key: string): boolean {
  return WILDCARD.test(key)
}

/** True where a routing key fits a pattern by AMQP's rules: `*` is one word, `#` any number of words. */
export function fitsTopic(pattern: string, routingKey: string): boolean {
  if (pattern === routingKey) return true
  if (!isTopicPattern(pattern)) return false
  const steps = pattern.split('.').map((word) => {
    if (word === '#') return 'any'
    return word === '*' ? () => true : (other: string) => other === word
  })
  return new Glob(steps).matches(routingKey.split('.'))
}

function characters(text: string): string[] {
  return text.split('')
}

function is(character: string): Step {
  return (other) => other === character
}

/**
 * Where the set that begins at `start` ends; -1: nowhere, the bracket stands for itself. A `]` at its beginning is of
 * the set.
 */
function setEnd(pattern: string, start: number): number {
  const first = pattern[start + 1] === '!' ? start + 2 : start + 1
  return pattern.indexOf(']', first + 1)
}

function setOf(text: string): Step {
  const not = text.startsWith('!')
  const members = characters(not ? text.slice(1) : text)
  const ranges: (readonly [string, string])[] = []
  for (let at = 0; at < members.length; at++) {
    const from = members[at] as string
    const to = members[at + 1] === '-' ? members[at + 2] : undefined
    ranges.push([from, to ?? from])
    if (to !== undefined) at += 2
  }
  return (character) => ranges.some(([from, to]) => from <= character && character <= to) !== not
}
