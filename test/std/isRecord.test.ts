import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { isRecord } from '../../src/std/isRecord.ts'

class Own {}

test.each([{}, { a: 1 }, Object.create(null), runInNewContext('({ a: 1 })')])('an object with keys: %j', (value) => {
  expect(isRecord(value)).toBe(true)
})

test.each([null, undefined, 1, 'a', [], new Date(0), new Uint8Array(1), new Own(), new Map(), () => 1])(
  'anything else: %s',
  (value) => expect(isRecord(value)).toBe(false),
)

test('instances of another realm are none', () => {
  expect(
    ['[]', 'new Date(0)', 'new Map()', 'new (class A {})()'].map((code) => isRecord(runInNewContext(code))),
  ).toEqual([false, false, false, false])
})
