/** A part of a text beside another: of both, of the first alone, of the second alone. */
export interface DiffPart {
  readonly kind: 'same' | 'removed' | 'added'
  readonly text: string
}

/** Words that are compared one by one: what is between a common beginning and a common end, if it is longer, is not. */
const MAX_WORDS = 300

/** What differs between two texts, word by word. */
export function diffOf(before: string, after: string): readonly DiffPart[] {
  const [one, two] = [wordsOf(before), wordsOf(after)]
  let start = 0
  while (start < one.length && start < two.length && one[start] === two[start]) start++
  let end = 0
  while (end < one.length - start && end < two.length - start && one.at(-1 - end) === two.at(-1 - end)) end++
  const [a, b] = [one.slice(start, one.length - end), two.slice(start, two.length - end)]
  const isLong = a.length > MAX_WORDS || b.length > MAX_WORDS
  const middle = isLong ? [...partsOf('removed', a), ...partsOf('added', b)] : compared(a, b)
  return joined([
    ...partsOf('same', one.slice(0, start)),
    ...middle,
    ...partsOf('same', end === 0 ? [] : one.slice(-end)),
  ])
}

function wordsOf(text: string): string[] {
  return text.match(/[\p{L}\p{N}_]+|\s+|./gsu) ?? []
}

/** By the longest common subsequence. */
function compared(a: readonly string[], b: readonly string[]): DiffPart[] {
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1))
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      (lengths[i] as Uint16Array)[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
  const parts: DiffPart[] = []
  let [i, j] = [0, 0]
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      parts.push({ kind: 'same', text: a[i] as string })
      i++
      j++
    } else if (at(i + 1, j) >= at(i, j + 1)) parts.push({ kind: 'removed', text: a[i++] as string })
    else parts.push({ kind: 'added', text: b[j++] as string })
  }
  return [...parts, ...partsOf('removed', a.slice(i)), ...partsOf('added', b.slice(j))]
}

function partsOf(kind: DiffPart['kind'], words: readonly string[]): DiffPart[] {
  return words.length === 0 ? [] : [{ kind, text: words.join('') }]
}

function joined(parts: readonly DiffPart[]): readonly DiffPart[] {
  const all: DiffPart[] = []
  for (const part of parts) {
    const last = all.at(-1)
    if (last?.kind === part.kind) all[all.length - 1] = { kind: part.kind, text: last.text + part.text }
    else all.push(part)
  }
  return all
}
