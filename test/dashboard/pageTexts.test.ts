import { expect, test } from 'vitest'
import { clockText } from '../../src/dashboard/pages/health/clock.ts'
import { versionGroups } from '../../src/dashboard/pages/health/versionGroups.ts'
import { wrongIn } from '../../src/dashboard/pages/workers/commandTable.ts'
import { chosenWorkers, poolText, softwareText } from '../../src/dashboard/pages/workers/seenWorker.ts'
import type { WorkerDocument } from '../../src/protocol/workerDocument.ts'

test('what is known of a worker as text, and the order of a list', () => {
  const ours: WorkerDocument = { name: 'a', answers: true, ready: true, version: '0.1.0', pool: { size: 2 }, cpu: 0.5 }
  const celery: WorkerDocument = { name: 'b', answers: true, pool: { size: 3, pids: [1, 2, 3] }, cpu: 2 }
  const lost: WorkerDocument = { name: 'C', answers: false }
  expect([ours, celery, lost].map(softwareText)).toEqual(['celeriac 0.1.0', 'Celery', 'unknown'])
  const prefork = { ...celery, pool: { kind: 'celery.concurrency.prefork:TaskPool', size: 3 } }
  expect([ours, celery, lost, prefork].map(poolText)).toEqual(['pool × 2', 'processes × 3', '–', 'prefork × 3'])
  const order = (by: 'name' | 'cpu', isUp = false, text = '') =>
    chosenWorkers([lost, celery, ours], { text, by, isUp }).map(({ name }) => name)
  expect([order('name'), order('name', true)]).toEqual([
    ['C', 'a', 'b'],
    ['b', 'a', 'C'],
  ])
  expect([order('cpu'), order('cpu', true), order('cpu', false, ' c ')]).toEqual([
    ['b', 'a', 'C'],
    ['a', 'b', 'C'],
    ['C'],
  ])
})

test('fields of commands say what they expect', () => {
  const whole = { name: 'n', label: 'n', kind: 'whole', min: 1, max: 9 } as const
  expect(['', '0', '10', '1.5', 'x', '9'].map((text) => wrongIn(whole, text))).toEqual([
    'Required',
    ...Array(4).fill('A whole number from 1 to 9'),
    undefined,
  ])
  const seconds = { name: 's', label: 's', kind: 'seconds', isOptional: true } as const
  expect(['', '-1', '0.5'].map((text) => wrongIn(seconds, text))).toEqual([
    undefined,
    'A number of at least 0',
    undefined,
  ])
  const rate = { name: 'r', label: 'r', kind: 'rate' } as const
  expect(['10', '10/s', '0.5/m', '1/d', 'often'].map((text) => wrongIn(rate, text))).toEqual([
    ...[undefined, undefined, undefined],
    ...Array(2).fill('As 10/s, 100/m or 1000/h'),
  ])
})

test('clocks and versions in words', () => {
  expect([undefined, 2300, -65_000].map(clockText)).toEqual([
    'right',
    'at least 2.30 s ahead',
    'at least 1 min 5 s behind',
  ])
  expect(versionGroups(['celeriac 1', 'Celery 5', 'celeriac 1'])).toEqual([
    { program: 'celeriac 1', count: 2 },
    { program: 'Celery 5', count: 1 },
  ])
})
