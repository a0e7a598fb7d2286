import { expect, test } from 'vitest'
import { itemTexts, withMember } from '../../src/protocol/jsonMembers.ts'

test.each([
  ['{"n": 12345678901234567890, "x": NaN, "h": {}}', ['h', 'a'], '{"n": 12345678901234567890, "x": NaN, "h": {"a":7}}'],
  ['{"h": {  "a": 1.0 } , "p": [1,{"q":"}\\""}]}', ['h', 'a'], '{"h": {  "a": 7 } , "p": [1,{"q":"}\\""}]}'],
  ['{"b": 1}', ['a'], '{"a":7,"b": 1}'],
  ['{}', ['a', 'b'], '{"a":{"b":7}}'],
  ['{"\\u0061":1}', ['a'], '{"\\u0061":7}'],
  ['{"a":1,"a":2}', ['a'], '{"a":1,"a":7}'],
])('another value in %s at %j, and all else as it was', (text, path, expected) => {
  expect(withMember(text, path, '7')).toBe(expected)
})

test('a member of an empty object, however many blanks are in it', () => {
  expect(JSON.parse(withMember(`{"h":{${' '.repeat(500)}}}`, ['h', 'a'], '7'))).toEqual({ h: { a: 7 } })
})

test('the items of an array, as they are written', () => {
  expect(itemTexts('[[1,"]"], {"k": {"a":[]}} , {"chord":null}]')).toEqual([
    '[1,"]"]',
    '{"k": {"a":[]}}',
    '{"chord":null}',
  ])
  expect([itemTexts('[]'), itemTexts('[ 1 ]'), itemTexts('[true,-1.5e3]')]).toEqual([[], ['1'], ['true', '-1.5e3']])
})
