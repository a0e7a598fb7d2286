import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { RedisServer } from '../redis/server.ts'

const SECONDS = 20
/** What scripts do within the server, and what this test asks. */
const WITHIN = new Set([
  'time',
  'zrangebyscore',
  'zrange',
  'sismember',
  'zrem',
  'zadd',
  'zscore',
  'info',
  'config|resetstat',
])

test(`an idle worker sends at most one command a second, over ${SECONDS} s`, async ({ annotate }) => {
  const server = await RedisServer.start()
  onTestFinished(() => server.stop())
  const app = new App({ broker: server.url(), logger: createLogger('silent') })
  app.task('idle.run', async () => 1)
  const worker = new Worker(app, { concurrency: 20 })
  onTestFinished(() => app.close())
  onTestFinished(() => worker.stop())
  await worker.start()
  const result = await app.send('idle.run')
  expect(await result.get({ timeout: 10_000 })).toBe(1)
  await sleep(1000)

  await server.cli('CONFIG', 'RESETSTAT')
  await sleep(SECONDS * 1000)
  const stats = await server.cli('INFO', 'commandstats')
  const calls = [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, count]) => [name, Number(count)])
  await annotate(JSON.stringify(Object.fromEntries(calls)))
  const sent = calls
    .filter(([name]) => !WITHIN.has(name as string))
    .reduce((sum, [, count]) => sum + (count as number), 0)
  expect(sent).toBeLessThanOrEqual(SECONDS)
})
