import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { App } from '../../src/app/app.ts'
import { internalsOf } from '../../src/app/internals.ts'
import { chain, chord, group } from '../../src/index.ts'
import { Outbox, type OutboxRelay, outboxSchema } from '../../src/outbox/outbox.ts'
import { StoreUnavailableError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { testApp } from '../../src/testing/testing.ts'
import { Worker } from '../../src/worker/worker.ts'
import { eventually } from '../wait.ts'
import { type CallerDatabase, DATABASES, openDatabase } from './databases.ts'

const ROLLBACK = new Error('rolled back')

describe.each(DATABASES)('an outbox in %s', (kind) => {
  let database: CallerDatabase
  beforeAll(async () => {
    database = await openDatabase(kind)
  })
  afterAll(() => database.close())

  let app: App
  let outbox: Outbox
  let packed: unknown[]
  let lines: string[]
  let relays: OutboxRelay[]
  let worker: Worker
  beforeEach(async () => {
    lines = []
    const stream = { write: (line: string) => void lines.push(line) }
    app = new App({ broker: 'memory:', logger: createLogger('error', stream) })
    outbox = new Outbox(app)
    packed = []
    relays = []
    worker = new Worker(app, { logger: false })
    await database.rows('DELETE FROM celeriac_outbox')
  })
  afterEach(async () => {
    for (const relay of relays) await relay.stop()
    await worker.stop({ grace: 0 })
    await app.close()
  })

  const tasks = () => ({
    // biome-ignore lint/suspicious/noExplicitAny: whatever is passed on.
    pack: app.task('pack', (what: any): any => {
      packed.push(what)
      return what
    }),
    add: app.task('add', (numbers: readonly number[]) => numbers.reduce((sum, one) => sum + one, 0)),
  })

  async function relay(): Promise<OutboxRelay> {
    const one = outbox.relay({ database: database.url })
    relays.push(one)
    await one.start()
    return one
  }

  const waiting = (): Promise<readonly Record<string, unknown>[]> =>
    database.rows('SELECT task_id, task, relay, attempts, error FROM celeriac_outbox ORDER BY seq')
  const isEmpty = (): Promise<unknown> => eventually(waiting, ({ length }) => length === 0, 20_000)

  it('publishes what is committed, and nothing else, at once', async () => {
    const { pack } = tasks()
    await worker.start()
    await relay()
    const what = { name: "'; -- $1 ? \u0000 🥬 \\", big: 2 ** 53 }
    const [one, many] = await database.transaction(async (client, insert) => {
      await insert('tea')
      const sent = await outbox.add(client, pack.s(what), { taskId: `${kind} 1`, tags: ['a'], owner: 'me' })
      const all = await outbox.within(client, () =>
        pack.delayMany([['b'], ['c']], { serializer: 'msgpack', keepInput: true }),
      )
      expect(await sent.state()).toBe('UNKNOWN')
      return [sent, all]
    })
    const started = performance.now()
    expect(await one.get({ timeout: '10s' })).toEqual(what)
    for (const job of many) await job.get({ timeout: '10s' })
    // It was notified: it would have looked after 5 s.
    expect(performance.now() - started).toBeLessThan(4000)
    expect(packed).toEqual([what, 'b', 'c'])
    expect(await app.jobs({ owner: 'me', tag: 'a' })).toMatchObject({ jobs: [{ id: `${kind} 1` }] })
    await expect(
      database.transaction(async (client) => {
        await outbox.add(client, pack.s('no'))
        throw ROLLBACK
      }),
    ).rejects.toBe(ROLLBACK)
    await isEmpty()
    expect(packed).toHaveLength(3)
  })

  it('publishes chains, groups and chords', async () => {
    const { pack, add } = tasks()
    await worker.start()
    const handles = await database.transaction(async (client) => [
      await outbox.add(client, chain(pack.s([1, 2]), add.s())),
      await outbox.add(client, chord([pack.s(3), pack.s(4)], add.s())),
      await outbox.add(client, group([pack.s(5), pack.s(6)])),
    ])
    await relay()
    expect(await handles[0]?.get({ timeout: '10s' })).toBe(3)
    expect(await handles[1]?.get({ timeout: '10s' })).toBe(7)
    await isEmpty()
    await eventually(
      async () => packed.length,
      (length) => length === 5,
    )
  })

  it('a row that was published before is not sent again', async () => {
    const { pack } = tasks()
    await database.transaction((client) => outbox.add(client, pack.s(1), { taskId: 'same' }))
    const [row] = await database.rows('SELECT body FROM celeriac_outbox')
    await worker.start()
    await relay()
    expect(await app.result('same').get({ timeout: '10s' })).toBe(1)
    await isEmpty()
    // As another relay sees it that the first one left behind.
    const body = String(row?.body).replaceAll("'", "''")
    await database.rows(
      `INSERT INTO celeriac_outbox (body, attempts, added) VALUES ('${body}', 1, ${kind === 'sqlite' ? 0 : 'now()'})`,
    )
    await database.transaction((client) => outbox.add(client, pack.s(2)))
    await isEmpty()
    await eventually(
      async () => packed.length,
      (length) => length >= 2,
    )
    expect(packed).toEqual([1, 2])
  })

  it('calls at the same time, and a savepoint that is undone', async () => {
    const { pack } = tasks()
    await database.transaction(async (client) => {
      await Promise.all([
        outbox.add(client, pack.s(1)),
        outbox.within(client, () => Promise.all([pack.delay(2), pack.delay(3)])),
        outbox.add(client, chain(pack.s(4), pack.s())),
      ])
      await outbox.within(client, async () => {
        await database.rows('SAVEPOINT one')
        await pack.delay('undone')
        await database.rows('ROLLBACK TO one')
        await pack.delay(5)
      })
    })
    await worker.start()
    await relay()
    await isEmpty()
    await eventually(
      async () => packed.length,
      (length) => length === 6,
    )
    expect(packed.toSorted()).toEqual([1, 2, 3, 4, 4, 5])
  })

  it('keeps a row that cannot be published with its error, and goes on', async () => {
    const { pack } = tasks()
    await worker.start()
    await database.transaction((client) => outbox.add(client, pack.s(1)))
    await database.rows(`UPDATE celeriac_outbox SET body = '{"submissions": 1}'`)
    await relay()
    await database.transaction((client) => outbox.add(client, pack.s(2)))
    await eventually(
      async () => packed,
      ({ length }) => length === 1,
    )
    const left = await eventually(waiting, ({ length }) => length === 1)
    expect(left).toMatchObject([
      {
        task: 'pack',
        relay: null,
        error: expect.stringContaining('DecodeError: a row of the outbox: expected submissions'),
      },
    ])
  })

  it('waits while the broker is unavailable, and publishes in order', async () => {
    const { pack } = tasks()
    let isAway = true
    let tries = 0
    const { broker } = await internalsOf(app).stores()
    const own = broker.publish.bind(broker)
    broker.publish = async (...message) => {
      tries++
      if (isAway) throw new StoreUnavailableError('away')
      return own(...message)
    }
    await relay()
    await database.transaction((client) => outbox.within(client, () => pack.delayMany([[1], [2], [3]])))
    await eventually(
      async () => tries,
      (count) => count > 6,
    )
    isAway = false
    expect(lines.filter((line) => line.includes('cannot be published now: they are tried again'))).toHaveLength(1)
    await worker.start()
    await isEmpty()
    await eventually(
      async () => packed.length,
      (length) => length === 3,
    )
    expect(packed).toEqual([1, 2, 3])
  })

  it('several relays share the rows, and take those of a dead one', async () => {
    const { pack } = tasks()
    await worker.start()
    await database.transaction((client) =>
      outbox.within(client, () => pack.delayMany(Array.from({ length: 500 }, (_, at) => [at]))),
    )
    const past = kind === 'sqlite' ? String(Date.now() - 1) : "now() - interval '1 ms'"
    await database.rows(`UPDATE celeriac_outbox SET relay = 'dead', attempts = 1, until = ${past}`)
    await Promise.all([relay(), relay(), relay()])
    await isEmpty()
    await eventually(
      async () => packed.length,
      (length) => length >= 500,
    )
    expect(new Set(packed).size).toBe(500)
    expect(packed).toHaveLength(500)
  })

  // As in forget-what-a-customer-sent.md.
  it('rows of an owner can be found', async () => {
    const { pack } = tasks()
    const other = { owner: 'ann', body: ',"owner":"ann"' }
    await database.transaction(async (client) => {
      await outbox.add(client, pack.s(1), { taskId: 'own', owner: 'ann' })
      await outbox.add(client, chain(pack.s(1), pack.s()), { owner: 'ann' })
      await outbox.add(client, pack.s(other), { taskId: 'of another', owner: 'anna' })
      await outbox.add(client, pack.s(other), { taskId: 'of none' })
    })
    await database.rows(`DELETE FROM celeriac_outbox WHERE body LIKE '%"owner":"ann"%'`)
    // Notes of a workflow stay: names of tasks and ids.
    const left = (await waiting()).flatMap(({ task_id: id }) => id ?? [])
    expect(left).toEqual(['of another', 'of none'])
  })

  it('refuses what cannot be in it', async () => {
    const { pack } = tasks()
    const unique = app.task('unique', () => 1, { unique: { while: 'queued' } })
    const other = new App({ broker: 'memory:' }).task('other', () => 1)
    await expect(database.transaction((client) => outbox.within(client, () => unique.delay()))).rejects.toThrow(
      'unique, debounce',
    )
    await expect(database.transaction((client) => outbox.add(client, other.s()))).rejects.toThrow('a task of this app')
    await expect(outbox.add({}, pack.s(1))).rejects.toThrow('got an object of another kind')
    const client = await database.transaction(async (one) => one)
    await expect(outbox.add(client, pack.s(1))).rejects.toThrow(
      'outbox: expected a client on which a transaction is open',
    )
    const elsewhere = new Outbox(app, { table: 'no_such' })
    await expect(database.transaction((one) => elsewhere.add(one, pack.s(1)))).rejects.toThrow(
      'expected the table no_such in this database, got none',
    )
    expect(await waiting()).toEqual([])
  })
})

it('wrong options are refused', () => {
  const app = new App({ broker: 'memory:' })
  expect(() => new Outbox(app, { table: 'x; DROP' })).toThrow('outbox: table: expected a name')
  expect(() => outboxSchema('mysql' as never)).toThrow('expected sqlite or postgres')
  expect(() => new Outbox({} as never)).toThrow('Outbox: expected an app')
  for (const wrong of [{ tabel: 'x' }, null, 'x']) {
    const message = wrong instanceof Object ? 'unknown option tabel; known are' : 'outbox: options: expected an object'
    expect(() => new Outbox(app, wrong as never)).toThrow(message)
    expect(() => outboxSchema('sqlite', wrong as never)).toThrow(message)
  }
  expect(() => new Outbox(app).relay({ database: 'x', interval: 5 } as never)).toThrow(
    'outbox: unknown option interval; known are table, database, batch',
  )
  expect(() => new Outbox(app).relay({ database: '' })).toThrow('OutboxRelay: database: expected a URL')
  expect(() => new Outbox(app).relay({ database: 'x', batch: 0 })).toThrow('batch: expected a whole number')
})

it('a database that is not there ends the start', async () => {
  const outbox = new Outbox(new App({ broker: 'memory:' }))
  await expect(outbox.relay({ database: '/no/such.db' }).start()).rejects.toThrow('outbox: expected a SQLite file')
})

it('in an app under test the calls run at once', async () => {
  const app = new App({ broker: 'memory:' })
  const task = app.task('one', (value: number) => value)
  const test = await testApp(app)
  const database = await openDatabase('sqlite')
  const sent = await database.transaction((client) => new Outbox(app).add(client, task.s(7)))
  expect(await database.rows('SELECT * FROM celeriac_outbox')).toEqual([])
  expect(await sent.get({ timeout: '5s' })).toBe(7)
  await test.close()
  await database.close()
})
