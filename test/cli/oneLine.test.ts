import { expect, it } from 'vitest'
import { oneLine } from '../../src/cli/exit.ts'
import { growth } from '../std/growth.ts'

it.each([
  ['  a \n\n  b\r\nc ', 'a b c'],
  ['a  b', 'a  b'],
  ['\n', ''],
])('%j is %j', (text, line) => {
  expect(oneLine(text)).toBe(line)
})

it('takes time by its length, whatever stands in it', () => {
  expect(growth((length) => oneLine(`a${' '.repeat(length)}b`), 1000)).toBeLessThan(24)
})
