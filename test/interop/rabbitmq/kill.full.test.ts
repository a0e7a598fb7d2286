import { once } from 'node:events'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import { until } from '../../app/lab.ts'
import { Fleet } from '../fleet.ts'

/** Workers of both kinds die, on one queue: the server gives what they held to the others at once. */
const queue = 'shared'
let fleet: Fleet
let app: App

beforeEach(async () => {
  fleet = await Fleet.start({ broker: 'rabbitmq' })
  app = fleet.app({ queue })
})
afterEach(() => fleet.end())

const count = (name: string) => fleet.redis.llen(name)

/** Kill the first worker while it works, and have the second do what is left. */
async function killed(kill: () => Promise<unknown>, second: () => Promise<unknown>): Promise<void> {
  const sent = await Promise.all(
    Array.from({ length: 40 }, (_, n) => app.send<[string, number]>('both.work', [n, 0.1])),
  )
  await until(async () => (await count('effects')) >= 4)
  await kill()
  await second()
  const results = await Promise.all(sent.map((result) => result.get({ timeout: '25s' })))
  expect(results.map(([, number]) => number)).toEqual(sent.map((_, n) => n))
  const effects = await fleet.lines('effects')
  expect(new Set(effects.map((line) => line.split(' ')[0])).size).toBe(sent.length)
  expect(new Set(effects.map((line) => line.split(' ')[1]))).toEqual(new Set(['python', 'typescript']))
}

test('kill -9 of the Python worker: ours does what it held', async () => {
  const theirs = await fleet.pythonWorker({ queue, pool: 'prefork' })
  await killed(
    () => theirs.kill(),
    () => fleet.work(fleet.app({ queue }), { concurrency: 20 }),
  )
})

test('kill -9 of ours: a Python worker does what it held', async () => {
  const ours = await fleet.fork({ queue, concurrency: 10 })
  await killed(
    async () => {
      ours.kill('SIGKILL')
      await once(ours, 'exit')
    },
    () => fleet.pythonWorker({ queue, pool: 'prefork', concurrency: 8 }),
  )
})
