import { expect, test } from 'vitest'
import { chord } from '../../../src/calls/workflow.ts'
import { Celeriac } from '../../../src/index.ts'
import { createLogger } from '../../../src/std/log.ts'
import { pause } from '../../../src/testing/kit.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { startPgBouncer } from '../../postgres/pgbouncer.ts'
import { PostgresServer } from '../../postgres/server.ts'

test('through PgBouncer, which gives a connection for one transaction: tasks, results, chords, delays and leases', async ({
  onTestFinished,
}) => {
  const server = await PostgresServer.start()
  onTestFinished(() => server.stop())
  const bouncer = await startPgBouncer(server.port)
  onTestFinished(() => bouncer.stop())
  const broker = `${bouncer.through(await server.empty())}?pgbouncer=true`
  const app = new Celeriac({ broker, lease: '2s', logger: createLogger('silent') })
  onTestFinished(() => app.close())
  const add = app.task('add', (a: number, b: number) => a + b)
  const sum = app.task('sum', (values: number[]) => values.reduce((a, b) => a + b, 0))
  // Longer than its lease.
  const slow = app.task('slow', async () => {
    await pause(5000)
    return 'once'
  })
  const worker = new Worker(app, { concurrency: 20, logger: false })
  onTestFinished(() => worker.stop())
  await worker.start()
  const running = await slow.delay()
  const many = await Promise.all(Array.from({ length: 200 }, (_, at) => add.delay(at, 1)))
  const values = await Promise.all(many.map((result) => result.get({ timeout: '20s' })))
  expect(values).toEqual(many.map((_, at) => at + 1))
  const joined = await chord([add.s(1, 1), add.s(2, 2)], sum.s()).delay()
  expect(await joined.get({ timeout: '20s' })).toBe(6)
  const later = await add.applyAsync([3, 4], { countdown: '1s' })
  expect(await later.get({ timeout: '20s' })).toBe(7)
  expect(await running.get({ timeout: '20s' })).toBe('once')
  expect(worker.problem).toBeUndefined()
  const [row] = await server.sql<{ lost: string }>('SELECT count(*) AS lost FROM celeriac.message', {
    database: new URL(broker).pathname.slice(1),
  })
  expect(row?.lost).toBe('0')
}, 90_000)
