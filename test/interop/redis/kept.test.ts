import { afterAll, beforeAll, expect, test } from 'vitest'
import { Keeping } from '../../../src/backend/bounds/keeping.ts'
import { storesOf } from '../../app/stores.ts'
import type { PythonClient } from '../celery.ts'
import { Fleet } from '../fleet.ts'

/* Bounds of what is kept, where Python's workers store results, too. */

let fleet: Fleet
let python: PythonClient

beforeAll(async () => {
  fleet = await Fleet.start()
  await fleet.pythonWorker({ extended: true })
  python = await fleet.pythonClient({})
})
afterAll(() => fleet.end())

test('results of both languages are counted, and those that ended first are dropped', async () => {
  const app = fleet.app({ maxResults: 3 })
  const send = (task: string, args: readonly unknown[], queue = 'python'): Promise<string> =>
    python.call<string>('send', { task, args, queue })
  const before = await send('py.add', [1, 2])
  await python.get(before)
  await fleet.work(app)
  const failed = await send('py.fail', ['x'])
  await python.get(failed)
  const echo = await send('py.echo', ['y'.repeat(3000)])
  await python.get(echo)
  const [ours, last] = [await send('ts.echo', [1], 'typescript'), await send('py.add', [3, 4])]
  await python.get(ours)
  await python.get(last)
  const waiting = await app.send('py.add', [5, 6], { queue: 'nobody' })
  const { backend } = await storesOf(app)
  expect(await app.bounds()).toEqual([expect.objectContaining({ what: 'results', used: 5, limit: 3 })])
  const { kept, dropped } = await new Keeping((await backend.rows?.()) ?? expect.unreachable()).trim({ results: 3 })
  expect([kept.results, dropped]).toEqual([3, { results: 2, logs: 0 }])
  expect(await app.states([before, failed, echo, ours, last, waiting.id])).toEqual([
    'UNKNOWN',
    'UNKNOWN',
    'SUCCESS',
    'SUCCESS',
    'SUCCESS',
    'PENDING',
  ])
  expect(await python.get(last)).toMatchObject({ status: 'SUCCESS', result: 7 })
})
