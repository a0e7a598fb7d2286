import { expect, test } from 'vitest'
import { Cluster } from '../../src/events/cluster.ts'
import { readEvents } from '../../src/protocol/event.ts'

/* Anyone who reaches the broker may send events. */

const LIMITS = { maxTasks: 100, maxWorkers: 50, maxAge: 1000 }
const EVENT = { type: 'task-received', hostname: 'w@x', uuid: '1', timestamp: 1, clock: 1 }
let now = 0
const clock = { now: () => now, after: () => () => undefined }

const JSON_MESSAGE = { contentType: 'application/json', contentEncoding: 'utf-8' }
const message = (body: string) => ({ headers: {}, properties: JSON_MESSAGE, body })

test('what is no event costs a counter', () => {
  const cluster = new Cluster(LIMITS, clock)
  const none = [null, 1, 'text', [], {}, { ...EVENT, type: 5 }, { ...EVENT, uuid: undefined }, { ...EVENT, uuid: {} }]
  const wrong = [
    { timestamp: 1e300 },
    { timestamp: -1 },
    { timestamp: '1' },
    { hostname: 'x'.repeat(1e6) },
    { type: 'task-__proto__ x' },
  ]
  for (const value of [...none, ...wrong.map((one) => ({ ...EVENT, ...one }))])
    expect(cluster.fold(value)).toBeUndefined()
  expect([cluster.refused, cluster.events, cluster.tasks.size]).toEqual([none.length + wrong.length, 0, 0])
})

test('fields of a wrong type or size are left out, and a wrong clock moves nothing', () => {
  const cluster = new Cluster(LIMITS, clock)
  cluster.fold({ ...EVENT, clock: 1e300, args: 'x'.repeat(1e6), kwargs: {}, retries: 'many', name: ['x'] })
  const task = cluster.tasks.get('1')
  expect(task).toMatchObject({ state: 'RECEIVED', clock: 0, kwargs: undefined, retries: undefined, name: undefined })
  expect(task?.args).toHaveLength(2048)
  cluster.fold({ type: 'worker-heartbeat', hostname: 'w@x', timestamp: 1, freq: 1e300, loadavg: 'high', active: -1 })
  expect(cluster.workers.get('w@x')).toMatchObject({ freq: 60, loadavg: undefined, active: undefined })
  cluster.fold({ ...EVENT, type: 'task-constructor' })
  expect(cluster.tasks.get('1')?.state).toBe('CONSTRUCTOR')
})

test('a million names of workers and tasks: bounded by count, and by age', () => {
  const cluster = new Cluster(LIMITS, clock)
  for (let at = 0; at < 1_000_000; at += 10) cluster.fold({ ...EVENT, uuid: `${at}`, hostname: `w${at}@x` })
  expect([cluster.tasks.size, cluster.workers.size]).toEqual([100, 50])
  now = 5000
  for (let at = 0; at < 60; at++) cluster.fold({ ...EVENT, uuid: 'new' })
  expect([...cluster.tasks.keys()]).toEqual(['new'])
})

test('messages that are too large, too deep or no JSON are refused', () => {
  for (const body of [
    'x'.repeat(5 * 2 ** 20),
    `${'['.repeat(1e5)}${']'.repeat(1e5)}`,
    '{',
    `[${'0,'.repeat(20_000)}0]`,
  ])
    expect(() => readEvents(message(body))).toThrow()
  expect(readEvents(message('[{"type":"x"}]'))).toEqual([{ type: 'x' }])
})
