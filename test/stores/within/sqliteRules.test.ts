import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { internalsOf } from '../../../src/app/internals.ts'
import type { CeleriacOptions } from '../../../src/config/config.ts'
import { group } from '../../../src/index.ts'
import { createLogger } from '../../../src/std/log.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { eventually } from '../../wait.ts'
import { useShop } from './shop.ts'
import { SqliteShop } from './sqliteShop.ts'

const shop = useShop(new SqliteShop())
beforeEach(() => shop.clear())

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

/** A connection with an open transaction. */
function begun(begin = 'BEGIN IMMEDIATE'): DatabaseSync {
  const db = new DatabaseSync(shop.path, { timeout: 10_000 })
  ends.push(() => db.isOpen && db.close())
  db.exec(begin)
  return db
}

function appOf(options: CeleriacOptions = {}): App {
  const app = new App({ broker: shop.url, logger: createLogger('silent'), ...options })
  ends.push(() => app.close())
  return app
}

const send = (what: unknown = 1) => shop.app.send('pack', [what], { countdown: '1h' })
const jobs = (): Promise<number[]> => Promise.all(['celeriac_message', 'celeriac_result'].map((one) => shop.count(one)))

it('stores without such transactions say so', async () => {
  const message = /^within: expected a broker and a result backend that are .* one SQLite file, got /
  const db = begun()
  for (const options of [{ broker: 'memory:' }, { backend: `${shop.url}.results` }])
    await expect(appOf(options).within(db, send)).rejects.toThrow(message)
})

it('no event of the call is sent, as it may be rolled back', async () => {
  const app = appOf()
  const sent: string[] = []
  internalsOf(app).onSent({ sent: ({ id }) => sent.push(id), close: async () => undefined })
  const db = begun()
  await app.within(db, () => app.send('pack', [1], { countdown: '1h' }))
  db.exec('ROLLBACK')
  const { id } = await app.send('pack', [1], { countdown: '1h' })
  expect(sent).toEqual([id])
})

it('a call that comes later writes nothing', async () => {
  const db = begun()
  const after = Promise.withResolvers<void>()
  let late: Promise<unknown> | undefined
  await shop.app.within(db, async () => {
    late = after.promise.then(() => send())
    await send()
  })
  after.resolve()
  await expect(late).rejects.toThrow('got one that comes later: nothing was sent')
  db.exec('COMMIT')
  expect(await jobs()).toEqual([1, 1])
})

it('a call beside it waits for the commit, and blocks nothing', async () => {
  const db = begun()
  let isSent = false
  const beside = send('beside').then(() => (isSent = true))
  await shop.app.within(db, async () => {
    await send()
    await shop.app.within(db, () => Promise.all([send(), send()]))
    await new Promise((resolve) => setTimeout(resolve, 50))
  })
  expect(isSent).toBe(false)
  db.exec('COMMIT')
  await beside
  expect(await jobs()).toEqual([4, 4])
})

it('a savepoint of the caller is undone with its jobs, and keeps what is known of others', async () => {
  const db = begun()
  await shop.app.within(db, async () => {
    db.exec('SAVEPOINT one')
    const options = { tags: ['kept'], idempotencyKey: 'one', countdown: '1h' } as const
    await shop.app.send('pack', [1], options)
    expect((await shop.app.send('pack', [1], options)).sent).toBe(false)
    db.exec('RELEASE one; SAVEPOINT two')
    await shop.app.send('pack', [2], { ...options, idempotencyKey: 'two' })
    db.exec('ROLLBACK TO two')
    expect((await shop.app.send('pack', [2], { ...options, idempotencyKey: 'two' })).sent).toBe(true)
  })
  db.exec('COMMIT')
  expect((await shop.app.jobs({ tag: 'kept' })).jobs).toHaveLength(2)
  expect(await jobs()).toEqual([2, 2])
})

it('a wait for what is not committed is an error', async () => {
  const db = begun()
  const sent = await shop.app.within(db, async () => {
    const one = await shop.app.send('pack', [1])
    await expect(one.get()).rejects.toThrow(/sent in a transaction that is not committed/)
    return one
  })
  db.exec('COMMIT')
  expect(await sent.get({ timeout: '10s' })).toBe(1)
})

it('is noticed at the commit, by the worker and by who waits for it', async () => {
  const watched = await shop.app.send('pack', ['watched'], { countdown: '1h' })
  void watched.get().catch(() => undefined)
  for (let round = 0; round < 5; round++) {
    const db = begun()
    const sent = await shop.app.within(db, () => shop.app.send('pack', [round]))
    await new Promise((resolve) => setTimeout(resolve, 30))
    const start = performance.now()
    db.exec('COMMIT')
    await sent.get({ timeout: '10s' })
    // By itself it looks each half second.
    expect(performance.now() - start).toBeLessThan(450)
  }
  await watched.revoke()
})

describe('an error', () => {
  it('of a writer beside it is said before the function runs, and the transaction may go on', async () => {
    const other = begun()
    const db = begun('BEGIN')
    let ran = 0
    const sell = (): Promise<unknown> =>
      shop.app.within(db, async () => {
        ran++
        await send()
      })
    await expect(sell()).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('another connection writes now: begin by BEGIN IMMEDIATE'),
      cause: { errcode: 5 },
    })
    other.exec('COMMIT')
    await sell()
    db.exec('COMMIT')
    expect([ran, await jobs()]).toEqual([1, [1, 1]])
  })

  it('of a transaction that has read what is old says that it is to be repeated', async () => {
    const db = begun('BEGIN; SELECT count(*) FROM purchase')
    db.prepare('SELECT count(*) FROM purchase').get()
    await send()
    const refused = shop.app.within(db, () => send())
    await expect(refused).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', cause: { errcode: 517 } })
    await expect(shop.app.within(db, () => send())).rejects.toThrow('roll it back and repeat it')
    db.exec('COMMIT')
    expect(await jobs()).toEqual([1, 1])
  })

  it('of a call leaves the transaction as it was', async () => {
    const db = begun()
    await shop.app.within(db, async () => {
      await expect((async () => shop.app.send('pack', [() => 1]))()).rejects.toMatchObject({ code: 'CANNOT_ENCODE' })
      await send()
    })
    db.exec('COMMIT')
    expect(await jobs()).toEqual([1, 1])
  })

  it('of a full file never leaves a part of a job', async () => {
    const db = new DatabaseSync(shop.path, { timeout: 10_000 })
    ends.push(() => db.close())
    const { page_count: pages } = db.prepare('PRAGMA page_count').get() as { page_count: number }
    db.exec(`PRAGMA max_page_count = ${pages + 20}; BEGIN IMMEDIATE`)
    const within = shop.app.within(db, async () => {
      await send()
      await expect(send('x'.repeat(500_000))).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        cause: { errcode: 13 },
      })
      if (db.isTransaction) await send()
    })
    await within
    const isOpen = db.isTransaction
    if (isOpen) db.exec('COMMIT')
    expect(await jobs()).toEqual(isOpen ? [2, 2] : [0, 0])
  })
})

it('many are sent, and groups and chords whose members are more than one write has', async () => {
  const db = begun()
  const sell = async (): Promise<unknown[]> => [
    await shop.double.delayMany(Array.from({ length: 2500 }, (_, at) => [at])),
    await group(Array.from({ length: 1500 }, (_, at) => shop.double.s(at))).delay(),
  ]
  await shop.app.within(db, sell)
  db.exec('ROLLBACK')
  expect(await jobs()).toEqual([0, 0])
  const other = begun()
  const sum = await shop.app.within(other, () => shop.sum(Array.from({ length: 1200 }, () => 1)))
  other.exec('COMMIT')
  expect(await sum.get({ timeout: '30s' })).toBe(2400)
  expect(await shop.count('celeriac_batch')).toBe(0)
})

it('limits that a call is the first to use are defined with it', async () => {
  const app = appOf()
  app.limit('mail', { concurrency: 1 })
  let running = 0
  let most = 0
  const mail = app.task(
    'mail',
    async (to: string) => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setTimeout(resolve, 20))
      running--
      return to
    },
    { uses: 'mail', queue: 'mail' },
  )
  const db = begun()
  await app.within(db, () => mail.delay('a'))
  db.exec('ROLLBACK')
  expect(await shop.count('celeriac_limit_rule')).toBe(0)
  db.exec('BEGIN IMMEDIATE')
  const sent = await app.within(db, () => Promise.all(['a', 'b', 'c'].map((to) => mail.delay(to))))
  db.exec('COMMIT')
  expect(await shop.count('celeriac_limit_rule')).toBe(1)
  const worker = new Worker(app, { logger: false, queues: ['mail'], concurrency: 3 })
  await worker.start()
  ends.push(() => worker.stop({ grace: 0 }))
  expect(await Promise.all(sent.map((one) => one.get({ timeout: '20s' })))).toEqual(['a', 'b', 'c'])
  expect(most).toBe(1)
})

it('300 transactions beside a worker: each job that is committed runs once', async () => {
  const db = new DatabaseSync(shop.path, { timeout: 10_000 })
  ends.push(() => db.close())
  const insert = db.prepare('INSERT INTO purchase (name) VALUES (?)')
  for (let number = 0; number < 300; number++) {
    db.exec('BEGIN IMMEDIATE')
    insert.run(String(number))
    await shop.app.within(db, () => Promise.all([shop.app.send('pack', [number]), shop.double.delay(number)]))
    db.exec(number % 2 === 0 ? 'COMMIT' : 'ROLLBACK')
    if (number % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await eventually(
    () => shop.waiting(),
    (count) => count === 0,
  )
  const even = Array.from({ length: 150 }, (_, at) => 2 * at)
  expect((shop.packed as number[]).toSorted((one, other) => one - other)).toEqual(even)
  expect(await shop.count('purchase')).toBe(150)
})
