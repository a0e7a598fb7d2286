import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
/** Rates and costs: `21,000 tasks a second`, `52,100/s`, `3 µs`. */
const SPEED = /\d(?: \p{L}+)?(?: ?\/s\b| (?:a|per) second\b)|\d ?µs/gu

test('figures of speed are in docs/benchmarks.md alone, which is made from bench/results', () => {
  const pages = ['README.md', 'CHANGELOG.md', ...globSync('docs/**/*.md', { cwd: root })]
  expect(pages).toContain('docs/comparison.md')
  const found = pages
    .filter((page) => page !== 'docs/benchmarks.md')
    .flatMap((page) => (readFileSync(join(root, page), 'utf8').match(SPEED) ?? []).map((text) => `${page}: ${text}`))
  expect(found).toEqual([])
})
