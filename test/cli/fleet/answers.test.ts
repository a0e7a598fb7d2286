import { expect, test } from 'vitest'
import { readAnswers } from '../../../src/cli/top/answers.ts'

/* Anyone who reaches the broker may answer. */

const TASK = { id: 'id', name: 'shop.add', time_start: 5 }

test('what workers of both languages answer', () => {
  const answers = readAnswers(
    {
      'ts@x': { pool: { implementation: 'celeriac:threads', 'max-concurrency': 4 }, total: { add: 2, mail: 3 } },
      'py@x': { pool: { implementation: 'celery.concurrency.prefork:TaskPool', 'max-concurrency': 2 }, total: {} },
    },
    { 'ts@x': [TASK], 'py@x': [] },
    { 'ts@x': [{ name: 'celery', exchange: {} }] },
  )
  expect([...answers]).toEqual([
    [
      'ts@x',
      {
        ...{ pool: 'threads', slots: 4, processed: 5, queues: ['celery'] },
        running: [{ id: 'id', name: 'shop.add', began: 5 }],
      },
    ],
    ['py@x', { pool: 'prefork', slots: 2, processed: 0, running: [], queues: [] }],
  ])
})

test('wrong types are left out', () => {
  const nothing = { pool: undefined, slots: undefined, processed: undefined, running: [], queues: [] }
  for (const wrong of [
    null,
    'text',
    5,
    [],
    { error: 'no' },
    { pool: 'x', total: [] },
    { pool: { implementation: {} } },
  ])
    expect(readAnswers({ w: wrong }, { w: wrong }, { w: wrong }).get('w')).toEqual(nothing)
  const odd = [null, 'id', {}, { id: 5 }, { id: 'x'.repeat(1000) }, { id: 'a', name: [], time_start: 'now' }]
  const { running, queues } =
    readAnswers({}, { w: odd }, { w: [null, { name: {} }, { name: 'q' }] }).get('w') ?? nothing
  expect(running).toEqual([{ id: 'a', name: '?', began: undefined }])
  expect(queues).toEqual(['q'])
})

test('bounded, however much comes', () => {
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`w${at}`, []]))
  expect(readAnswers(many, {}, {}).size).toBe(1000)
  const tasks = Array.from({ length: 100_000 }, (_, at) => ({ ...TASK, id: `${at}` }))
  expect(readAnswers({}, { w: tasks, ['x'.repeat(1e6)]: tasks }, {}).get('w')?.running).toHaveLength(200)
})
