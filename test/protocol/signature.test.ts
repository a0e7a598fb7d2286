import { describe, expect, it, test } from 'vitest'
import { idsWithin, readSignature, readSignatures } from '../../src/protocol/signature.ts'
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

describe('ids within signatures', () => {
  const one = (task_id: string, more: object = {}): object => ({
    task: 't',
    args: [],
    kwargs: {},
    options: { task_id, ...more },
  })

  it('are found at any place that sends something, and not in what a plain task is called with', () => {
    const canvas = { task: 'celery.map', subtask_type: null, args: [one('x')], kwargs: {}, options: {} }
    const chord = {
      task: 'celery.chord',
      kwargs: { body: one('body', { chain: [[one('deep')]] }), header: [one('h')] },
    }
    const plain = { task: 't', args: [one('argument')], kwargs: { k: one('keyword') }, options: { task_id: 'plain' } }
    const marked = one('ignored', { ignore_result: true, headers: { h: one('header') }, link: one('link') })
    const found = [...idsWithin([canvas, chord, plain, marked, null, 'text', 5, one('plain')]).keys()]
    expect(found.sort()).toEqual(['body', 'deep', 'h', 'link', 'plain'])
  })

  it('are bounded in depth and number', () => {
    let deep: unknown = one('bottom')
    for (let depth = 0; depth < 10_000; depth++) deep = [deep]
    expect(idsWithin([deep]).size).toBe(0)
    const wide = Array.from({ length: 20_000 }, (_, n) => one(`${n}`))
    expect(idsWithin([wide]).size).toBe(10_000)
    const circle: { options: object; task: string } = { task: 't', options: { task_id: 'c' } }
    Object.assign(circle.options, { link: [circle, circle] })
    expect([...idsWithin([circle]).keys()]).toEqual(['c'])
  })
})
