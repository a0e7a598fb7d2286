import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { internalsOf } from '../../../src/app/internals.ts'
import type { CeleriacOptions } from '../../../src/config/config.ts'
import { group } from '../../../src/index.ts'
import { createLogger } from '../../../src/std/log.ts'
import { testApp } from '../../../src/testing/testing.ts'
import { emptyPostgres } from '../../postgres/shared.ts'
import { eventually } from '../../wait.ts'
import { useShop } from './shop.ts'

const FLAGS = ['--conditions=source', '--disable-warning=ExperimentalWarning']

const shop = useShop()
beforeEach(() => shop.clear())

const ends: (() => Promise<unknown>)[] = []
// A transaction that stays open would have locks.
afterEach(() => Promise.all(ends.splice(0).map((end) => end())))

/** A client with an open transaction. */
async function begun(connectionString = shop.url, options = ''): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  ends.push(() => client.end())
  await client.connect()
  await client.query(`BEGIN ${options}`)
  return client
}

function appOf(options: CeleriacOptions): App {
  const app = new App({ logger: createLogger('silent'), ...options })
  ends.push(() => app.close())
  return app
}

/** Sends one job more. */
const send = (what: unknown = 1) => shop.app.send('pack', [what], { countdown: '1h' })
const jobs = (): Promise<number[]> =>
  Promise.all(['celeriac.message', 'celeriac.result'].map((table) => shop.count(table)))

describe('the client', () => {
  it.each([
    [undefined, 'undefined'],
    [7, '7'],
    [{}, 'an object of another kind'],
    [() => undefined, 'an object of another kind'],
  ])('of no library is refused', async (client, got) => {
    const refused = shop.app.within(client as object, () => send())
    await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(got) })
  })

  it('needs an open transaction', async () => {
    const client = await begun()
    await client.query('COMMIT')
    const refused = shop.app.within(client, () => send())
    await expect(refused).rejects.toThrow('expected a client on which a transaction is open until the function ends')
    expect(await jobs()).toEqual([0, 0])
  })

  it('must keep its transaction until the function ends', async () => {
    const client = await begun()
    const ended = shop.app.within(client, async () => {
      await send()
      await client.query('COMMIT')
      await send()
    })
    await expect(ended).rejects.toThrow('on which a transaction is open')
    expect(await jobs()).toEqual([1, 1])
  })

  it('must be one of the same database and schema', async () => {
    const other = await emptyPostgres()
    const wrong = /expected a client of the database postgres:.* got one of another server, database or schema/
    await expect(shop.app.within(await begun(other), () => send())).rejects.toThrow(wrong)
    await appOf({ broker: other }).connect()
    await appOf({ broker: other }).queueSize()
    await expect(shop.app.within(await begun(other), () => send())).rejects.toThrow(wrong)
    const elsewhere = appOf({ broker: `${shop.url}?celeriac_schema=shop` })
    const client = await begun()
    await elsewhere.within(client, () => elsewhere.send('pack', [1]))
    await client.query('COMMIT')
    expect([await elsewhere.queueSize(), await jobs()]).toEqual([1, [0, 0]])
  })
})

it('stores without such transactions say so', async () => {
  const message = /^within: expected a broker and a result backend that are one PostgreSQL database or .*, got /
  const client = await begun()
  for (const options of [{ broker: 'memory:' }, { broker: shop.url, backend: `${shop.url}?celeriac_schema=shop` }]) {
    const app = appOf(options)
    await expect(app.within(client, () => app.send('pack'))).rejects.toThrow(message)
  }
  const eager = appOf({ broker: 'memory:', alwaysEager: true })
  const double = eager.task('double', (number: number) => 2 * number)
  expect(await eager.within({}, () => double.delay(2).get())).toBe(4)
})

it('an app under test only runs the function', async () => {
  const app = appOf({ broker: shop.url })
  app.task('pack', () => 1)
  await using t = await testApp(app)
  await app.within({}, () => app.send('pack'))
  expect(t.sent('pack')).toHaveLength(1)
})

it('no event of the call is sent, as it may be rolled back', async () => {
  const app = appOf({ broker: shop.url })
  const sent: string[] = []
  internalsOf(app).onSent({ sent: ({ id }) => sent.push(id), close: async () => undefined })
  const client = await begun()
  await app.within(client, () => app.send('pack', [1], { countdown: '1h' }))
  const { id } = await app.send('pack', [1], { countdown: '1h' })
  expect(sent).toEqual([id])
  await client.query('ROLLBACK')
})

describe('a call that is not awaited', () => {
  it('before the function ends is an error', async () => {
    const client = await begun()
    const within = shop.app.within(client, async () => {
      void send()
      void send()
    })
    await expect(within).rejects.toThrow('every call is awaited before its function ends, got 2 that were not')
    // They were written in the transaction, at the latest when it rejected.
    await client.query('ROLLBACK')
    expect(await jobs()).toEqual([0, 0])
  })

  it('and comes later writes nothing', async () => {
    const client = await begun()
    const after = Promise.withResolvers<void>()
    let late: Promise<unknown> | undefined
    await shop.app.within(client, async () => {
      late = after.promise.then(() => send())
      await send()
    })
    after.resolve()
    await expect(late).rejects.toThrow('got one that comes later: nothing was sent')
    await client.query('COMMIT')
    expect(await jobs()).toEqual([1, 1])
  })

  it('does not hide the error of the function', async () => {
    const client = await begun()
    const within = shop.app.within(client, async () => {
      void send()
      throw new Error('mine')
    })
    await expect(within).rejects.toThrow('mine')
  })
})

it('a transaction in another one, and calls beside both, are their own', async () => {
  const [outer, inner] = [await begun(), await begun()]
  await Promise.all([
    shop.app.within(outer, async () => {
      await send('outer')
      await shop.app.within(inner, () => send('inner'))
      await Promise.all([send('outer'), shop.app.within(outer, () => send('outer'))])
    }),
    send('beside'),
  ])
  await inner.query('ROLLBACK')
  expect(await jobs()).toEqual([1, 1])
  await outer.query('COMMIT')
  expect(await jobs()).toEqual([4, 4])
})

it('a savepoint of the caller is undone with its jobs, and keeps what is known of others', async () => {
  const client = await begun(shop.url, 'ISOLATION LEVEL SERIALIZABLE')
  await shop.app.within(client, async () => {
    await client.query('SAVEPOINT one')
    const options = { tags: ['kept'], idempotencyKey: 'one', countdown: '1h' } as const
    await shop.app.send('pack', [1], options)
    expect((await shop.app.send('pack', [1], options)).sent).toBe(false)
    await client.query('RELEASE SAVEPOINT one; SAVEPOINT two')
    await shop.app.send('pack', [2], { ...options, idempotencyKey: 'two' })
    await client.query('ROLLBACK TO SAVEPOINT two')
    expect((await shop.app.send('pack', [2], { ...options, idempotencyKey: 'two' })).sent).toBe(true)
  })
  await client.query('COMMIT')
  expect((await shop.app.jobs({ tag: 'kept' })).jobs).toHaveLength(2)
  expect(await jobs()).toEqual([2, 2])
})

it('a wait for what is not committed is an error', async () => {
  const client = await begun()
  const sent = await shop.app.within(client, async () => {
    const one = await shop.app.send('pack', [1])
    const all = await group([shop.double.s(1), shop.double.s(2)]).delay()
    const message = /sent in a transaction that is not committed/
    await expect(one.get()).rejects.toThrow(message)
    await expect(one.events().next()).rejects.toThrow(message)
    await expect(all.get()).rejects.toThrow(message)
    return one
  })
  await client.query('COMMIT')
  expect(await sent.get({ timeout: '10s' })).toBe(1)
})

describe('an error', () => {
  it('of the server has its code, and the transaction cannot be committed', async () => {
    const client = await begun()
    const other = await begun()
    await other.query('LOCK TABLE celeriac.message IN SHARE MODE')
    await client.query('SET LOCAL lock_timeout = 20')
    const within = shop.app.within(client, async () => {
      await expect(send()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', cause: { code: '55P03' } })
      await other.query('COMMIT')
      await send()
    })
    await expect(within).rejects.toThrow(/ \(55P03\); the transaction cannot be committed: roll it back$/)
    await client.query('COMMIT')
    expect(await jobs()).toEqual([0, 0])
  })

  it('of the caller before is said', async () => {
    const client = await begun()
    await client.query('SELECT 1 / 0').catch(() => undefined)
    await expect(shop.app.within(client, () => send())).rejects.toThrow(/transaction is aborted.*25P02.*roll it back$/)
  })

  it('of a call leaves the transaction as it was', async () => {
    const client = await begun()
    await shop.app.within(client, async () => {
      await expect((async () => shop.app.send('pack', [() => 1]))()).rejects.toMatchObject({ code: 'CANNOT_ENCODE' })
      await send()
    })
    await client.query('COMMIT')
    expect(await jobs()).toEqual([1, 1])
  })

  it('of the connection is an outage', async () => {
    const client = await begun()
    client.on('error', () => undefined)
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
    const within = shop.app.within(client, async () => {
      await shop.pool.query('SELECT pg_terminate_backend($1)', [rows[0].pid])
      await send()
    })
    await expect(within).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await jobs()).toEqual([0, 0])
  })
})

it('is noticed by the worker at the commit, also a moment after another call', async () => {
  const client = await begun()
  const sent = await shop.app.within(client, async () => {
    const one = await shop.app.send('pack', ['within'])
    await shop.app.within(await begun(), () => shop.app.send('pack', [1]))
    return one
  })
  await shop.app.send('pack', ['beside']).get()
  const start = performance.now()
  await client.query('COMMIT')
  await sent.get({ timeout: '10s' })
  // By itself it looks once in a second.
  expect(performance.now() - start).toBeLessThan(900)
})

it('100 transactions at once: each job that is committed runs once', async () => {
  const pool = new pg.Pool({ connectionString: shop.url, max: 10 })
  ends.push(() => pool.end())
  const sell = async (_: unknown, number: number): Promise<void> => {
    const client = await pool.connect()
    await client.query('BEGIN')
    await client.query('INSERT INTO purchase (name) VALUES ($1)', [String(number)])
    await shop.app.within(client, () => Promise.all([shop.app.send('pack', [number]), shop.double.delay(number)]))
    await client.query(number % 2 === 0 ? 'COMMIT' : 'ROLLBACK')
    client.release()
  }
  await Promise.all(Array.from({ length: 100 }, sell))
  const even = Array.from({ length: 50 }, (_, at) => 2 * at)
  await eventually(
    () => shop.count('celeriac.message'),
    (count) => count === 0,
  )
  expect((shop.packed as number[]).toSorted((one, other) => one - other)).toEqual(even)
  expect(await shop.count('purchase')).toBe(50)
})

it.each(['before', 'after'])('a process that is killed %s its commit', async (moment) => {
  const path = fileURLToPath(new URL('seller.ts', import.meta.url))
  const child = fork(path, [shop.url, moment], { execArgv: FLAGS })
  const [, signal] = await once(child, 'exit')
  expect(signal).toBe('SIGKILL')
  if (moment === 'before') {
    // The server has noticed it when its transaction is over.
    await eventually(
      () => shop.count("pg_stat_activity WHERE application_name = 'seller'"),
      (count) => count === 0,
    )
    expect(await shop.counts()).toEqual([0, 0, 0, 0, 0, 0])
    return
  }
  await eventually(
    async () => shop.packed,
    (packed) => packed.length > 0,
  )
  expect(shop.packed).toEqual(['killed'])
  expect(await shop.count('purchase')).toBe(1)
})
