import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import { until } from '../../app/lab.ts'
import type { PythonWorker } from '../celery.ts'
import { Fleet } from '../fleet.ts'

/** Workers of both kinds die, on one queue; both know the same short visibility timeout. */
const VISIBILITY = 4
const settings = { queue: 'shared', lease: 1000, visibilityTimeout: VISIBILITY * 1000 }
let fleet: Fleet
let app: App

beforeEach(async () => {
  fleet = await Fleet.start()
  app = fleet.app(settings)
})
afterEach(() => fleet.end())

/** Kombu looks for what it may restore when it connects, and then about every 100 seconds. */
function python(): Promise<PythonWorker> {
  return fleet.pythonWorker({ queue: 'shared', pool: 'prefork', transport: { visibility_timeout: VISIBILITY } })
}

async function send(count: number, seconds: number): Promise<string[]> {
  const sent = await Promise.all(Array.from({ length: count }, (_, n) => app.send('both.work', [n, seconds])))
  return sent.map(({ id }) => id)
}

/** Numbers of the tasks that had an effect, and who had it. */
async function effects(): Promise<Map<number, string[]>> {
  const found = new Map<number, string[]>()
  for (const line of await fleet.lines('effects')) {
    const [number, kind] = line.split(' ') as [string, string]
    found.set(Number(number), [...(found.get(Number(number)) ?? []), kind])
  }
  return found
}

/** Every task has its result and its effect, and nothing is held any more. */
async function nothingLost(ids: readonly string[]): Promise<void> {
  const results = await Promise.all(ids.map((id) => app.result<[string, number]>(id).get({ timeout: '25s' })))
  expect(results.map(([, number]) => number)).toEqual(ids.map((_, n) => n))
  expect((await effects()).size).toBe(ids.length)
  await until(async () => (await fleet.redis.hlen('unacked')) === 0)
  expect(await fleet.redis.zcard('unacked_index')).toBe(0)
}

describe('kill -9', () => {
  test('of the Python worker: ours restores what it held', async () => {
    const worker = await python()
    const ids = await send(40, 0.3)
    await until(async () => (await effects()).size >= 4)
    await worker.killHolding()
    expect(await fleet.redis.hlen('unacked')).toBeGreaterThan(0)
    await fleet.work(app, { concurrency: 20 })
    await nothingLost(ids)
    expect(new Set([...(await effects()).values()].flat())).toEqual(new Set(['python', 'typescript']))
  })

  test('of ours: a Python worker restores what it held, once our lease is over', async () => {
    const worker = await fleet.fork({ ...settings, concurrency: 20 })
    const ids = await send(40, 0.3)
    await until(async () => (await effects()).size >= 4)
    worker.kill('SIGKILL')
    await once(worker, 'exit')
    const held = await fleet.redis.hlen('unacked')
    expect(held).toBeGreaterThan(0)
    await sleep(settings.lease + 2000)
    await python()
    await nothingLost(ids)
    expect(new Set([...(await effects()).values()].flat())).toEqual(new Set(['python', 'typescript']))
  })

  test('of both in turn, under load', async () => {
    const theirs = await python()
    const ours = await fleet.fork({ ...settings, concurrency: 4 })
    const ids = await send(1200, 0.02)
    const effectsFrom = async (count: number) => {
      const before = await fleet.redis.llen('effects')
      await until(async () => (await fleet.redis.llen('effects')) >= before + count || (await app.queueSize()) === 0)
    }
    await effectsFrom(50)
    await theirs.killHolding()
    await effectsFrom(50)
    await python()
    await effectsFrom(50)
    ours.kill('SIGKILL')
    await once(ours, 'exit')
    await effectsFrom(50)
    await fleet.fork({ ...settings, concurrency: 4 })
    await nothingLost(ids)
  })
})

describe('a long task', () => {
  test('of ours keeps its lease: a Python worker that looks for dead ones leaves it alone', async () => {
    await fleet.fork({ ...settings, concurrency: 4 })
    const [id] = await send(1, 2 * VISIBILITY)
    // Longer than the visibility timeout, and each look begins with a start.
    for (let start = 0; start < 2; start++) {
      await sleep(VISIBILITY * 700)
      await (await python()).kill()
    }
    expect(await app.result(id as string).get({ timeout: '25s' })).toEqual(['typescript', 0])
    expect(await effects()).toEqual(new Map([[0, ['typescript']]]))
  })

  test('that is delayed waits in the store for its time, and a Python worker that looks for dead ones leaves it there', async () => {
    await fleet.fork({ ...settings, concurrency: 4 })
    const result = await app.send('both.work', [0], { countdown: '5s' })
    await until(async () => (await fleet.redis.hlen('unacked')) === 1)
    const theirs = await python()
    await sleep(500)
    expect(await fleet.redis.hlen('unacked')).toBe(1)
    expect(await effects()).toEqual(new Map())
    await theirs.kill()
    expect(await result.get({ timeout: '25s' })).toEqual(['typescript', 0])
  })
})
