import { describe, expect, test } from 'vitest'
import type { Celeriac } from '../../src/index.ts'
import { newKey } from '../../src/payloads/payloadKey.ts'
import { until } from '../../src/testing/kit.ts'
import { storesOf } from '../app/stores.ts'
import { deadIn } from '../deadLetters.ts'
import { inFull } from '../tier.ts'
import { appWith, filesIn, folderOfTest, type StoreName, sweep, urlsOf, working } from './lab.ts'

const LARGE = 'x'.repeat(5000)
const wait = { timeout: '30s' } as const
const HOUR = 3_600_000
const DAY = 24 * HOUR
const STORES: readonly StoreName[] = [
  'sqlite',
  ...inFull<StoreName>('memory', 'postgres', 'redis', 'rabbitmq + rpc', 'rabbitmq + sqlite'),
]

async function orphan(app: Celeriac, id: string, kind: 'input' | 'result' | 'part', until: number): Promise<void> {
  const now = Date.now()
  const key = newKey({ id, kind, made: now, until: now + until, queue: kind === 'input' ? 'celery' : undefined })
  await (await storesOf(app)).payloads?.config.store.put(key, Buffer.from('x'))
}

describe.each(STORES)('the sweep on %s', (store) => {
  const finds = !store.startsWith('rabbitmq')
  const keeps = store !== 'rabbitmq + rpc'

  test('removes what was never sent, and leaves what waits, however far its eta', async () => {
    const folder = await folderOfTest()
    const app = appWith(folder, await urlsOf(store, folder))
    app.task('echo', (text: string) => text)
    await app.send('echo', [LARGE])
    await app.send('echo', [LARGE], { countdown: '30d' })
    await app.send('echo', [LARGE], { ignoreResult: true })
    await orphan(app, 'never-sent', 'input', 7 * DAY)
    await orphan(app, 'never-settled', 'result', DAY)
    expect(await filesIn(folder)).toHaveLength(5)
    expect(await sweep(app, HOUR / 2)).toBe(0)
    // Where neither message nor record can be asked for, only time says it.
    expect(await sweep(app, 2 * HOUR)).toBe((finds ? 1 : 0) + (keeps ? 1 : 0))
    expect(await sweep(app, 6 * DAY)).toBe(keeps ? 0 : 1)
    expect((await filesIn(folder)).length).toBe(finds ? 3 : 4)
    if (!finds) return
    // Its records are not gone by the clock of the store.
    expect(await sweep(app, 40 * DAY)).toBe(0)
  })

  test('removes what belonged to records that are gone', async () => {
    const folder = await folderOfTest()
    const app = appWith(folder, await urlsOf(store, folder))
    const echo = app.task('echo', (text: string) => text)
    await working(app)
    const [one, two] = await Promise.all([echo.delay(LARGE), echo.delay(LARGE)])
    await Promise.all([one.get(wait), two.get(wait)])
    expect(await filesIn(folder)).toHaveLength(4)
    const { backend } = await storesOf(app)
    await backend.forget([one.id])
    expect(await sweep(app, HOUR / 2)).toBe(0)
    if (store === 'rabbitmq + rpc') {
      // The caller has the result for a day, the message is not known.
      expect([await sweep(app, 1.1 * DAY), await sweep(app, 8 * DAY)]).toEqual([2, 2])
      return
    }
    expect([await sweep(app, 2 * HOUR), await sweep(app, 8 * DAY)]).toEqual(finds ? [2, 0] : [1, 1])
    expect(await two.get(wait)).toBe(LARGE)
  })
})

test('the sweep leaves dead letters their inputs', async () => {
  const folder = await folderOfTest()
  const app = appWith(folder, { ...(await urlsOf('sqlite', folder)), unknownTaskTimeout: 0 })
  await working(app)
  const sent = await app.send('unknown', [LARGE])
  await expect(sent.get(wait)).rejects.toThrow(/unknown/)
  const stores = await storesOf(app)
  expect(await deadIn(app)).toBe(1)
  await stores.backend.forget([sent.id])
  expect(await sweep(app, 8 * DAY)).toBe(0)
})

test('a worker sweeps, and stops with it', async () => {
  const folder = await folderOfTest()
  const app = appWith(folder, await urlsOf('sqlite', folder), { sweepInterval: 20 })
  const old = newKey({ id: 'gone', kind: 'result', made: Date.now() - 2 * HOUR, until: 0, queue: undefined })
  await (await storesOf(app)).payloads?.config.store.put(old, Buffer.from('x'))
  const errors: unknown[] = []
  app.signals.on('worker:error', (event) => void errors.push(event))
  const worker = await working(app)
  await until('it is removed', async () => (await filesIn(folder)).length === 0)
  await worker.stop()
  expect(errors).toEqual([])
})

test('forgetJobs removes the payloads, and says how many', async () => {
  const folder = await folderOfTest()
  const app = appWith(folder, await urlsOf('sqlite', folder))
  app.task('echo', (text: string) => text)
  await working(app)
  const [mine, other] = await Promise.all(
    ['ada', 'bob'].map((owner) => app.send('echo', [LARGE], { owner, keepInput: true })),
  )
  await Promise.all([mine?.get(wait), other?.get(wait)])
  expect(await filesIn(folder)).toHaveLength(4)
  expect((await app.forgetJobs({ owner: 'ada' }, { dryRun: true })).removed).toMatchObject({ inputs: 1, payloads: 2 })
  expect((await app.forgetJobs({ owner: 'ada' })).removed).toMatchObject({ records: 1, payloads: 2 })
  expect(await filesIn(folder)).toHaveLength(2)
  expect(await other?.get(wait)).toBe(LARGE)
})

test('forget of one that waits leaves its input', async () => {
  const folder = await folderOfTest()
  const app = appWith(folder, await urlsOf('sqlite', folder))
  const echo = app.task('echo', (text: string) => void seen.push(text))
  const seen: string[] = []
  const sent = await echo.delay(LARGE)
  await sent.forget()
  expect(await sweep(app, 2 * HOUR)).toBe(0)
  await working(app)
  await until('it ran', () => seen.length === 1)
  expect(seen).toEqual([LARGE])
})
