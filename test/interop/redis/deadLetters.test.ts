import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import { until } from '../../app/lab.ts'
import type { PythonClient } from '../celery.ts'
import { Fleet } from '../fleet.ts'

/* What Python sends and our worker gives up. */

let fleet: Fleet
let app: App
let python: PythonClient
beforeAll(async () => {
  fleet = await Fleet.start()
  app = fleet.app()
  await fleet.work(app)
  python = await fleet.pythonClient({ queue: 'typescript' })
})
afterAll(() => fleet.end())

test('what cannot be read is shown with its reason, and dropped', async () => {
  const id = await python.send('ts.add', [1, 2], { compression: 'bzip2' })
  expect(await python.get(id)).toMatchObject({ status: 'FAILURE' })
  expect(await app.deadLetters.get(id)).toMatchObject({
    ...{ id, task: 'ts.add', queue: 'typescript', reason: 'undecodable', args: undefined },
    ...{ problem: expect.stringContaining('application/x-bz2'), headers: { lang: 'py', task: 'ts.add' } },
  })
  // Not even a message of Celery's.
  await fleet.redis.lpush('typescript', 'no message')
  await until(async () => (await app.deadLetters.count()).typescript === 2)
  const { letters } = await app.deadLetters.list({ reason: 'undecodable' })
  const odd = letters.find((letter) => letter.id !== id)
  expect(await app.deadLetters.get(odd?.id ?? '')).toMatchObject({ task: undefined, body: 'no message' })
  expect((await app.deadLetters.drop({ reason: 'undecodable' })).ids).toHaveLength(2)
  expect(await app.deadLetters.count()).toEqual({})
})

test.each([2, 1])(
  'what ended its workers, or no worker knew, of protocol %i, runs when it is sent again',
  async (protocol) => {
    const task = `ts.tomorrow${protocol}`
    // As if ten of its workers had died.
    const poison = await python.send('ts.add', [1, 2], { headers: { celeriac_lost_runs: 10 } })
    const early = await python.send(task, [20], { protocol })
    expect(await python.get(poison)).toMatchObject({ error: { type: 'WorkerLostError' } })
    expect(await python.get(early)).toMatchObject({ error: { type: 'NotRegistered' } })
    const { letters } = await app.deadLetters.list()
    expect(letters.map(({ id, reason }) => [id, reason]).toSorted()).toEqual(
      [
        [poison, 'lost'],
        [early, 'unknown'],
      ].toSorted(),
    )
    app.task(task, (x: number) => x + 1)
    expect((await app.deadLetters.redrive({ all: true }, { rate: '50/s' })).ids).toHaveLength(2)
    await until(async () => (await app.states([poison, early])).join() === 'SUCCESS,SUCCESS')
    // Python's own results have kept the failure that they have read.
    expect([await app.result(poison).get(), await app.result(early).get()]).toEqual([3, 21])
    expect(await app.deadLetters.count()).toEqual({})
  },
)
