import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { LIMITS_HEADER, limitsHeader } from '../../src/protocol/limits.ts'
import { createLogger } from '../../src/std/log.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { pause, until } from '../../src/testing/kit.ts'
import { atOnce, numbered, type Use, useOf } from '../../src/testing/limitFixture.ts'
import { Worker } from '../../src/worker/worker.ts'
import { RedisServer } from '../redis/server.ts'
import { StandaloneRedisBroker } from '../stores/standalone.ts'

/* Messages with limits on all ways that a unit of work sends and settles them. */

let server: RedisServer
let redis: Redis
beforeAll(async () => {
  server = await RedisServer.start()
  redis = new Redis(server.port)
})
beforeEach(() => redis.flushall())
afterAll(async () => {
  redis.disconnect()
  await server.stop()
})

function headersOf(...uses: readonly Use[]): Record<string, string> {
  return { [LIMITS_HEADER]: limitsHeader(uses.map(useOf)) }
}

test('single calls, many, delayed ones and retries: all run, and never more at once than the limit', async () => {
  const broker = new StandaloneRedisBroker(server.url(), { lease: 30_000, visibilityTimeout: 3_600_000 })
  await broker.limits.define([atOnce('two', 2), atOnce('key', 1)])
  const app = new App({ broker: server.url(), logger: createLogger('error') })
  const running = new Map<string, number>()
  let most = 0
  const retry = { max: 1, delay: 20 }
  const work = app.task(
    'work',
    async (key: string, fails: boolean) => {
      const now = (running.get(key) ?? 0) + 1
      running.set(key, now)
      most = Math.max(most, now)
      await pause(2)
      running.set(key, (running.get(key) ?? 1) - 1)
      if (fails && currentTask()?.attempt === 1) throw new Error('again')
      return key
    },
    { retry },
  )
  const worker = new Worker(app, { pool: 'inline', concurrency: 10 })
  onTestFinished(async () => {
    await worker.stop()
    await app.close()
    await broker.close()
  })
  const calls = [
    ...numbered('', 20).map(() => work.applyAsync(['two', false], { headers: headersOf('two') })),
    ...numbered('', 20).map((id) =>
      work.applyAsync([`key ${Number(id) % 3}`, false], { headers: headersOf(['key', `${Number(id) % 3}`]) }),
    ),
    work.applyAsync(['two', true], { headers: headersOf('two') }),
    work.applyAsync(['two', false], { headers: headersOf('two'), countdown: '50ms' }),
    work.applyAsync(['free', false]),
  ]
  const sent = await Promise.all(calls)
  expect(await broker.size('celery')).toBe(sent.length)
  await worker.start()
  await Promise.all(sent.map((one) => one.get({ timeout: '20s' })))
  expect(most).toBe(2)
  await until('nothing is held', async () => (await redis.exists('celeriac.lane-tags')) === 0)
})
