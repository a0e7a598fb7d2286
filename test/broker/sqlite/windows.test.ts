import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Delivery } from '../../../src/broker/broker.ts'
import { PENDING } from '../../../src/protocol/states.ts'
import type { SqliteBroker } from '../../../src/stores/sqlite/broker/broker.ts'
import type { SqliteDelivery } from '../../../src/stores/sqlite/broker/delivery.ts'
import type { SqliteBackend } from '../../../src/stores/sqlite/results/backend.ts'
import { envelopeOf, idsOf, metaOf, toQueue } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { openSqliteParts, type SqliteParts, StandaloneSqliteBroker } from '../../stores/standalone.ts'
import { Folder } from './folder.ts'

const LEASE = 400

const seqOf = (delivery: Delivery): number => (delivery as SqliteDelivery).hold.seq

describe('what changes very many rows holds the lock for a moment each time', () => {
  let folder: Folder
  let parts: SqliteParts
  let broker: SqliteBroker
  let backend: SqliteBackend

  beforeEach(() => {
    folder = new Folder()
    parts = openSqliteParts(folder.url(), { lease: LEASE, expires: 60_000, serializer: 'json', accept: ['json'] })
    ;({ broker, backend } = parts)
  })

  afterEach(async () => {
    await parts.close()
    folder.remove()
  })

  /** The processor time of each transaction from its last change of its own until it is committed, ms. */
  const transactions = (): number[] => {
    const durations: number[] = []
    let started = process.cpuUsage()
    broker.file.writer.join({
      wants: () => true,
      join: () => {
        started = process.cpuUsage()
        return false
      },
      committed: () => {
        const { user, system } = process.cpuUsage(started)
        durations.push((user + system) / 1000)
      },
      rolledBack: () => undefined,
    })
    return durations
  }

  /** Messages, as they would lie there; `fields` are SQL, with `n` for the number of each. */
  const insert = (count: number, fields: { queue?: string; due?: string; owner?: string; priority?: string } = {}) => {
    const { queue = "'q'", due = 'NULL', owner = 'NULL', priority = '0' } = fields
    const { headers, properties, body } = envelopeOf('x')
    // The lease renewer's thread writes too, and this connection does not wait by itself.
    broker.file.db.exec('PRAGMA busy_timeout = 30000')
    broker.file.db
      .prepare(
        `WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < ? - 1)
        INSERT INTO celeriac_message (queue, priority, due, owner, task_id, head, body)
        SELECT ${queue}, ${priority}, ${due}, ${owner}, 't' || n, ?, ? FROM numbers`,
      )
      .run(count, JSON.stringify([headers, properties]), body)
    broker.file.db.exec('PRAGMA busy_timeout = 0')
  }
  const count = (where: string): number =>
    (broker.file.db.prepare(`SELECT count(*) AS n FROM celeriac_message WHERE ${where}`).get() as { n: number }).n

  it('delayed messages that are due at once: in their order, with all that is ready meanwhile', async () => {
    insert(30_000, { due: '1000 + n / 10' })
    await broker.publish(envelopeOf('ready'), toQueue('q'))
    const durations = transactions()
    const reader = new Reader(await broker.consume([{ name: 'q' }], { prefetch: 1, name: 'a' }))
    // Not one of them takes part in more than a moment, whoever asks for a message.
    const first = await reader.next()
    expect(count('due IS NOT NULL')).toBeGreaterThan(20_000)
    await first.ack()
    for (let n = 1; n < 1000; n++) await (await reader.next()).ack()
    const windows = durations.slice()
    const rest = new Reader(await broker.consume([{ name: 'q' }], { prefetch: 40_000, name: 'b' }))
    const deliveries = await rest.take(29_000)
    const seqs = deliveries.map(seqOf)
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
    expect(count('due IS NOT NULL')).toBe(0)
    expect(Math.max(...windows)).toBeLessThan(windows.reduce((sum, one) => sum + one, 0) / 3)
  })

  it('of a window the highest priority is first', async () => {
    insert(20, { due: '1000', priority: 'n % 2' })
    const reader = new Reader(await broker.consume([{ name: 'q' }], { prefetch: 20, name: 'a' }))
    const priorities = (await reader.take(20)).map((one) => seqOf(one) % 2)
    expect(priorities).toEqual([...Array(10).fill(0), ...Array(10).fill(1)])
  })

  it('what a dead consumer held', async () => {
    const { lastInsertRowid: id } = broker.file.db
      .prepare("INSERT INTO celeriac_consumer (name, lease, lease_until) VALUES ('dead', 400, 1000)")
      .run()
    insert(10_000, { owner: String(id) })
    await broker.consume([{ name: 'other' }], { prefetch: 1, name: 'a' })
    const left = (): number => count(`owner = ${id}`)
    await until('some are given back, and not all', () => left() > 0 && left() < 10_000)
    await until('all are given back', () => left() === 0)
    expect(count('lost = 1')).toBe(10_000)
    await until('it is forgotten', () => {
      const { n } = broker.file.db.prepare('SELECT count(*) AS n FROM celeriac_consumer WHERE id = ?').get(id) as {
        n: number
      }
      return n === 0
    })
  })

  it('a purge, also of what is delayed', async () => {
    insert(20_000)
    insert(20_000, { due: '9000000000000 + n', queue: "iif(n % 2, 'q', 'other')" })
    const durations = transactions()
    const { count: dropped, taskIds } = await broker.purge('q')
    expect([dropped, taskIds.length, count('1')]).toEqual([30_000, 30_000, 10_000])
    expect(Math.max(...durations)).toBeLessThan(durations.reduce((sum, one) => sum + one, 0) / 3)
  })

  it('what a consumer gives back at its end, and its transient queue', async () => {
    const queue = { name: 'mine', bindings: [{ exchange: 'all', kind: 'fanout' }], transient: true } as const
    const consumer = await broker.consume([queue], { prefetch: 1, name: 'a' })
    insert(30_000, { queue: "'mine'" })
    const durations = transactions()
    await consumer.release()
    expect(count('1')).toBe(0)
    expect(durations.length).toBeGreaterThan(3)
  })

  it('records that are forgotten, and revoked ids', async () => {
    const ids = Array.from({ length: 5000 }, (_, n) => `t${n}`)
    await Promise.all(ids.map((id) => backend.store(metaOf(id, PENDING))))
    const durations = transactions()
    await backend.forget(ids)
    await backend.revoked.add(ids)
    expect(durations).toHaveLength(100)
    expect((await backend.load(ids)).some(Boolean)).toBe(false)
    expect(await backend.revoked.all()).toHaveLength(5000)
  })
})

it('a lease that ends later than any could is none: the clock was set back', async () => {
  const folder = new Folder()
  const broker = new StandaloneSqliteBroker(folder.url(), { lease: LEASE })
  const other = new StandaloneSqliteBroker(folder.url(), { lease: 60_000 })
  try {
    const { db } = broker.file
    const hour = Date.now() + 3_600_000
    const insert = db.prepare('INSERT INTO celeriac_consumer (name, lease, lease_until) VALUES (?, ?, ?)')
    const { lastInsertRowid: dead } = insert.run('dead', LEASE, hour)
    await broker.publish(envelopeOf('1'), toQueue('q'))
    db.prepare('UPDATE celeriac_message SET owner = ?, claims = 1').run(dead)
    // One that lives, and has a longer lease than whoever looks, keeps what it holds.
    await broker.publish(envelopeOf('2'), toQueue('kept'))
    const held = await new Reader(await other.consume([{ name: 'kept' }], { prefetch: 1, name: 'alive' })).next()
    db.prepare('UPDATE celeriac_consumer SET lease_until = ? WHERE lease = 60000').run(hour)
    const reader = new Reader(await broker.consume([{ name: 'q' }], { prefetch: 1, name: 'a' }))
    const again = await reader.next()
    expect([idsOf([again]), again.lost]).toEqual([['1'], 1])
    expect(await held.ack()).toBe(true)
  } finally {
    await broker.close()
    await other.close()
    folder.remove()
  }
})
