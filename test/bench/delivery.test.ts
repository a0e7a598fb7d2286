import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { Ledger } from '../../bench/children/ledger.ts'
import { Pace } from '../../bench/children/pace.ts'
import { requireCount, requireOnce } from '../../bench/harness/delivery.ts'
import type { Cost } from '../../bench/harness/order.ts'
import { backlogOf } from '../../bench/measures/drain.ts'

const folder = mkdtempSync(join(tmpdir(), 'celeriac-ledger-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The file of a worker that has run these tasks, of a hundred. */
function ledgerOf(...tasks: readonly number[]): string {
  const ledger = new Ledger(100)
  for (const task of tasks) ledger.mark(task)
  const file = join(folder, tasks.join('-'))
  ledger.write(file)
  return file
}

describe('exact delivery', () => {
  test('is each task once', () => expect(() => requireOnce('a', ledgerOf(2, 0, 1), 3)).not.toThrow())

  test.each([
    ['lost', [0, 2], '1 that never ran, 0 that ran more than once, 0 runs of others'],
    ['repeated', [0, 1, 1, 2], '0 that never ran, 1 that ran more than once, 0 runs of others'],
    ['not submitted', [0, 1, 2, 3], '0 that never ran, 0 that ran more than once, 1 runs of others'],
  ])('finds a task that was %s', (_, tasks, message) => {
    expect(() => requireOnce('a', ledgerOf(...tasks), 3)).toThrow(
      `a: expected each of 3 tasks to run once, got ${message}`,
    )
  })

  test('is as many messages and results as there must be; a side without results has none to check', () => {
    expect(() => requireCount('a', 'messages', 1, 2)).toThrow('a: expected 1 messages in the store, got 2')
    expect(() => requireCount('a', 'results', 1, undefined)).not.toThrow()
  })

  test('a task of another number ends the worker', () => expect(() => new Ledger(3).mark(3)).toThrow('task below 3'))
})

describe('the phases of a process', () => {
  test('are the cold tasks, then the others until all are done', () => {
    const said: unknown[] = []
    const pace = new Pace({ cold: 10, window: 3600, tasks: 30 }, (message) => said.push(message))
    pace.begin()
    pace.begin()
    for (let task = 0; task < 30; task++) pace.done()
    const [begin, cold, warm, ...more] = said
    expect(begin).toBe('begin')
    expect([(cold as Cost).tasks, (warm as Cost).tasks]).toEqual([10, 20])
    expect(more).toEqual([])
    expect(pace.take()).toBeUndefined()
    expect(pace.takeMany(5)).toEqual([])
    expect(pace.total).toBe(30)
  })

  test('give numbers from 0, each once', () => {
    const pace = new Pace({ cold: 10, window: 3600 }, () => undefined)
    pace.begin()
    expect([pace.take(), ...pace.takeMany(3), pace.take()]).toEqual([0, 1, 2, 3, 4])
  })

  test('end with the window, and are of the tasks done in it', () => {
    const said: unknown[] = []
    const pace = new Pace({ cold: 1_000_000, window: 0 }, (message) => said.push(message))
    pace.begin()
    for (let task = 0; task < 3; task++) pace.done(4)
    expect((said as Cost[]).slice(1).map(({ tasks }) => tasks)).toEqual([4, 4])
    expect(pace.total).toBe(12)
  })
})

test('a backlog is as long as the window, and what is cold before it', () => {
  expect(backlogOf(10_000, 10, 20_000)).toBe(20_000 + 110_000)
  expect(backlogOf(1000, 10, 20_000)).toBe(5000 + 11_000)
  expect(backlogOf(10, 0.1, 300)).toBe(300)
  expect(backlogOf(1_000_000, 10, 20_000)).toBe(500_000)
})
