import { expect, it } from 'vitest'
import { fnmatchGlob, Glob, starGlob } from '../../src/std/glob.ts'

it.each<[pattern: string, text: string, matches: boolean]>([
  ['', '', true],
  ['', 'a', false],
  ['*', '', true],
  ['*', 'a\nb', true],
  ['a*', 'b', false],
  ['a*b*c', 'abbc', true],
  ['a*b*c', 'abcb', false],
  ['*ab', 'aab', true],
  ['**a**', 'a', true],
  ['?', '', false],
  ['?b', 'ab', true],
  ['*?b', 'b', false],
  ['[ab]', 'b', true],
  ['[ab]', 'c', false],
  ['[!ab]', 'c', true],
  ['[!ab]', 'a', false],
  ['[a-c]x', 'bx', true],
  ['[a-c-]', '-', true],
  ['[-a]', '-', true],
  ['[c-a]', 'b', false],
  ['[]a]', ']', true],
  ['[!]a]', ']', false],
  ['[^a]', '^', true],
  ['[^a]', 'b', false],
  ['[', '[', true],
  ['a[', 'a[', true],
  ['[!', '[!', true],
  ['[]', '[]', true],
  ['*[ab]', 'xxb', true],
  ['a.c', 'abc', false],
  ['\\*', '\\x', true],
])("as Python's fnmatch: %j of %j: %s", (pattern, text, matches) => {
  expect(fnmatchGlob(pattern).matches(text)).toBe(matches)
})

it.each<[pattern: string, text: string, matches: boolean]>([
  ['images.*', 'images.resize', true],
  ['*.resize', 'images.resize.now', false],
  ['i*.*e', 'images.resize', true],
  ['a?', 'ab', false],
  ['[a]', '[a]', true],
  ['a', 'a\n', false],
])('with stars alone: %j of %j: %s', (pattern, text, matches) => {
  expect(starGlob(pattern).matches(text)).toBe(matches)
})

/** How many characters a pattern of these steps compares with a text: `*`, or a test that the text's `a` pass or not. */
function comparisons(steps: readonly ('*' | boolean)[], text: string): number {
  let count = 0
  const counted = (passes: boolean) => () => {
    count++
    return passes
  }
  new Glob(steps.map((step) => (step === '*' ? 'any' : counted(step)))).matches(text)
  return count
}

it.each([
  ['*a*a…*ab of a…a', Array.from({ length: 20 }, () => ['*', true] as const)],
  ['*aaaa…b of a…a', [['*'] as const, ...Array.from({ length: 20 }, () => [true] as const)]],
  ['*[a-c]?…b of a…a', Array.from({ length: 500 }, () => ['*', true, true] as const)],
])('compares no more often than pattern times text, however hostile: %s', (_title, steps) => {
  const pattern = [...steps.flat(), false]
  for (const length of [10, 200, 5000]) {
    const count = comparisons(pattern, 'a'.repeat(length))
    expect(count).toBeGreaterThan(0)
    expect(count).toBeLessThanOrEqual(pattern.length * length)
  }
})

it('a long hostile pattern is read and compared at once', () => {
  expect(starGlob(`${'*a'.repeat(10_000)}b`).matches('a'.repeat(1000))).toBe(false)
  expect(fnmatchGlob(`${'*[a-c]?'.repeat(10_000)}b`).matches('a'.repeat(1000))).toBe(false)
})
