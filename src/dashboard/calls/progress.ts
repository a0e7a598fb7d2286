/** `{ page: 4, of: 10 }` as `page 4 of 10`. */
export function wordsOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value)
  return Object.entries(value)
    .map(([name, item]) => `${name} ${typeof item === 'object' ? JSON.stringify(item) : item}`)
    .join(', ')
    .replaceAll(', of ', ' of ')
}

const DONE = ['page', 'done', 'current', 'step', 'completed', 'loaded', 'n', 'i']
const ALL = ['of', 'total', 'max', 'count', 'pages', 'steps']

/** The share of the whole that a value stands for, as people commonly report it; undefined where it has none. */
export function shareOf(value: unknown): number | undefined {
  if (typeof value === 'number')
    return value >= 0 && value <= 1 ? value : value <= 100 && value > 1 ? value / 100 : undefined
  const numberIn = (names: readonly string[]): number | undefined =>
    names.map((name) => (value as Record<string, unknown> | null)?.[name]).find((item) => typeof item === 'number')
  const [done, all] = [numberIn(DONE), numberIn(ALL)]
  if (done !== undefined && all !== undefined && all > 0) return Math.min(1, done / all)
  const percent = numberIn(['percent', 'percentage'])
  return percent === undefined ? undefined : Math.min(1, percent / 100)
}
