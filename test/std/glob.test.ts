import { expect, it } from 'vitest'
import { fnmatchGlob, starGlob } from '../../src/std/glob.ts'
import { growth } from './growth.ts'

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

it('takes no longer than pattern times text, however hostile', () => {
  const pattern = `${'*a'.repeat(20)}b`
  expect(growth((length) => starGlob(pattern).matches('a'.repeat(length)), 20_000)).toBeLessThan(24)
  expect(growth((length) => fnmatchGlob(`${'*[a-c]?'.repeat(length)}b`).matches('a'.repeat(200)), 500)).toBeLessThan(24)
})
