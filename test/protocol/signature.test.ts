import { expect, test } from 'vitest'
import { readSignature, readSignatures } from '../../src/protocol/signature.ts'
import { DecodeError } from '../../src/std/errors.ts'

const full = {
  task: 'add',
  args: [1],
  kwargs: { a: 2 },
  options: { queue: 'q' },
  subtask_type: 'chain',
  immutable: true,
}

test('a whole one is read as it is, with what we do not know', () => {
  expect(readSignature({ ...full, chord_size: 3 }, 's')).toEqual({ ...full, chord_size: 3 })
})

test('absent fields get their defaults', () => {
  const defaults = { task: 'add', args: [], kwargs: {}, options: {}, subtask_type: null, immutable: false }
  expect(readSignature({ task: 'add' }, 's')).toEqual(defaults)
  expect(readSignature({ task: 'add', args: null, kwargs: null, options: null }, 's')).toEqual(defaults)
})

test('nothing, one or many', () => {
  expect(readSignatures(null, 's')).toBeNull()
  expect(readSignatures(undefined, 's')).toBeNull()
  expect(readSignatures(full, 's')).toEqual([full])
  expect(readSignatures([full, full], 's')).toEqual([full, full])
})

test.each<[unknown, string]>([
  [[1], 's[0]: expected a signature object, got number'],
  ['add', 's: expected a signature object, got string'],
  [{}, 's.task: expected a task name, got undefined'],
  [{ ...full, args: {} }, 's.args: expected an array, got object'],
  [{ ...full, kwargs: [] }, 's.kwargs: expected an object, got an array'],
  [{ ...full, options: 1 }, 's.options: expected an object, got number'],
  [{ ...full, subtask_type: 1 }, 's.subtask_type: expected text, got number'],
])('refuses %j', (value, message) => {
  expect(() => readSignatures(value, 's')).toThrow(new DecodeError(message))
})

test('__proto__ stays a key', () => {
  const read = readSignature(JSON.parse('{"task":"add","__proto__":{"immutable":true}}'), 's')
  expect(read.immutable).toBe(false)
  expect(Object.getPrototypeOf(read)).toBe(Object.prototype)
})
