import { writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Beat } from '../../src/beat/beat.ts'
import { Control } from '../../src/control/control.ts'
import { Celeriac, type Logger } from '../../src/index.ts'
import { Worker } from '../../src/worker/worker.ts'
import { RedisServer } from '../redis/server.ts'
import { storesOf } from './stores.ts'

const logger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => logger,
}
let folder = ''
/** Nothing listens there, now and later: to listen below 1024 is for few. */
const port = 1
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'celeriac-close-'))
  writeFileSync(join(folder, 'file'), '')
})
afterAll(() => rm(folder, { recursive: true }))

const STORES: Readonly<Record<string, () => { broker: string; backend?: string }>> = {
  Redis: () => ({ broker: `redis://127.0.0.1:${port}` }),
  RabbitMQ: () => ({ broker: `amqp://127.0.0.1:${port}` }),
  'RabbitMQ and Redis': () => ({ broker: `amqp://127.0.0.1:${port}`, backend: `redis://127.0.0.1:${port}` }),
  SQLite: () => ({ broker: `sqlite:${folder}/file/tasks.db` }),
  'a URL that cannot be': () => ({ broker: 'memory:', backend: 'nonsense://host' }),
}

function appOn(store: string): Celeriac {
  return new Celeriac({ ...(STORES[store] as () => object)(), storeTimeout: 100, logger })
}

/** What has come to its end: rejections by their names. */
async function ends(...steps: readonly (() => Promise<unknown>)[]): Promise<string[]> {
  const ended: string[] = []
  for (const step of steps) {
    ended.push(
      await step().then(
        () => 'resolved',
        () => 'rejected',
      ),
    )
  }
  return ended
}

test.each(Object.keys(STORES))('%s was never there: what failed to start stops and closes', async (store) => {
  const called = appOn(store)
  expect(
    await ends(
      () => called.queueSize(),
      () => storesOf(called),
    ),
  ).toContain('rejected')
  expect(
    await ends(
      () => called.close(),
      () => called.close(),
    ),
  ).toEqual(['resolved', 'resolved'])

  const [first, second] = [appOn(store), appOn(store)]
  const [worker, other] = [new Worker(first), new Worker(second)]
  expect(
    await ends(
      () => worker.start(),
      () => worker.stop(),
      () => worker.stop(),
      () => first.close(),
    ),
  ).toEqual(['rejected', 'resolved', 'resolved', 'resolved'])
  expect(
    await ends(
      () => other.start(),
      () => second.close(),
      () => other.stop(),
    ),
  ).toEqual(['rejected', 'resolved', 'resolved'])

  const beating = appOn(store)
  const beat = new Beat(beating)
  expect(
    await ends(
      () => beat.start(),
      () => beat.stop(),
      () => beating.close(),
    ),
  ).toEqual(['rejected', 'resolved', 'resolved'])

  const asking = appOn(store)
  expect(
    await ends(
      () => new Control(asking).ping(),
      () => asking.close(),
    ),
  ).toEqual(['rejected', 'resolved'])
})

test('an app is closed while its stores are being opened, in vain', async () => {
  const app = appOn('a URL that cannot be')
  const call = storesOf(app).then(undefined, (error: Error) => error.name)
  await app.close()
  expect(await call).toBe('ConfigError')
})

test('Redis goes away under a worker and a beat: they stop, and the app closes', async () => {
  const server = await RedisServer.start()
  const app = new Celeriac({ broker: server.url(), storeTimeout: 2000, logger })
  const [worker, beat] = [new Worker(app), new Beat(app)]
  await worker.start()
  await beat.start()
  await server.stop()
  expect(
    await ends(
      () => worker.stop({ grace: 0 }),
      () => beat.stop(),
      () => app.close(),
    ),
  ).toEqual(['resolved', 'resolved', 'resolved'])
})
