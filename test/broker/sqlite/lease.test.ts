import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SqliteBroker } from '../../../src/stores/sqlite/broker/broker.ts'
import type { SqliteBackend } from '../../../src/stores/sqlite/results/backend.ts'
import { envelopeOf, idsOf, metaOf, toQueue } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { openSqliteParts, type SqliteParts } from '../../stores/standalone.ts'
import { Child } from './child.ts'
import { Folder } from './folder.ts'

const LEASE = 800

describe('a lease', () => {
  let folder: Folder
  let parts: SqliteParts
  let broker: SqliteBroker
  let backend: SqliteBackend
  const children: Child[] = []

  const read = async (): Promise<Reader> =>
    new Reader(await broker.consume([{ name: 'q' }], { prefetch: 10, name: 'celery@parent' }))

  const start = async (lease = LEASE, prefetch = 10): Promise<Child> => {
    const child = new Child('holder.ts', [folder.url(), lease, prefetch])
    children.push(child)
    await child.says('ready')
    return child
  }

  beforeEach(() => {
    folder = new Folder()
    parts = openSqliteParts(folder.url(), { lease: LEASE, expires: 60_000, serializer: 'json', accept: ['json'] })
    ;({ broker, backend } = parts)
  })

  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.kill()))
    await parts.close()
    folder.remove()
  })

  it('ends with its process: after a SIGKILL the messages come back, marked as lost', async () => {
    for (const id of ['1', '2']) await broker.publish(envelopeOf(id), toQueue('q'))
    for (const lost of [1, 2]) {
      const child = await start()
      await Promise.all([child.says('held 1'), child.says('held 2')])
      await child.kill()
      const consumer = await broker.consume([{ name: 'q' }], { prefetch: 10, name: 'celery@parent' })
      const again = await new Reader(consumer).take(2)
      expect(idsOf(again)).toEqual(['1', '2'])
      expect(again.map((one) => [one.redelivered, one.lost])).toEqual([
        [true, lost],
        [true, lost],
      ])
      await consumer.release()
    }
  })

  it('is lost while its process is stopped: what that settles later changes nothing', async () => {
    await broker.publish(envelopeOf('1'), toQueue('q'))
    const child = await start()
    await child.says('held 1')
    const reader = await read()
    child.process.kill('SIGSTOP')
    const newer = await reader.next()
    expect([newer.redelivered, newer.lost]).toEqual([true, 1])
    child.process.kill('SIGCONT')
    child.tell({ settle: 'stale' })
    expect(await child.says('settled')).toEqual([false])
    expect(await backend.load(['1'])).toEqual([undefined])
    const meta = metaOf('1', 'SUCCESS', { result: 'newer' })
    expect(await parts.unitOfWork.settle({ delivery: newer, meta, end: 'ack' })).toBe(true)
    expect((await backend.load(['1']))[0]?.result).toBe('newer')
  })

  it('when lost, is replaced: its consumer takes again, and its transient queue is back', async () => {
    const child = await start()
    const keeper = await read()
    child.process.kill('SIGSTOP')
    const bound = broker.file.db.prepare('SELECT count(*) AS n FROM celeriac_binding')
    await until('its lease is over', () => bound.get()?.n === 0)
    child.process.kill('SIGCONT')
    await until('its queue is bound again', () => Number(bound.get()?.n) > 0)
    await broker.publish(envelopeOf('still there'), { exchange: 'news', routingKey: '' })
    await child.says('still there')
    await keeper.nothing()
  })

  it('is kept while the event loop is blocked for three times as long', async () => {
    await broker.publish(envelopeOf('1'), toQueue('q'))
    const lease = 1000
    const child = await start(lease)
    await child.says('held 1')
    const reader = await read()
    const stolen = reader.next().then(() => 'stolen')
    stolen.catch(() => undefined)
    child.tell({ block: 3 * lease })
    expect(await Promise.race([stolen, child.says('blocked').then(() => 'kept')])).toBe('kept')
    child.tell({ settle: 'done' })
    expect(await child.says('settled')).toEqual([true])
  })

  it('of a process whose clock is an hour behind is kept, though its renewals come late', async () => {
    await broker.publish(envelopeOf('1'), toQueue('q'))
    const { db } = broker.file
    const late = Number(
      db
        .prepare(`INSERT INTO celeriac_consumer (name, lease, lease_until) VALUES ('late', ?, ?)`)
        .run(LEASE, Date.now() - 3_600_000).lastInsertRowid,
    )
    db.prepare('UPDATE celeriac_message SET owner = ?').run(late)
    const reader = await read()
    const renew = db.prepare('UPDATE celeriac_consumer SET lease_until = lease_until + 1 WHERE id = ?')
    // Each second check of the others comes between two renewals.
    for (let count = 0; count < 12; count++) {
      expect((await broker.file.writer.write(() => renew.run(late))).changes).toBe(1)
      await sleep(LEASE * 0.3)
    }
    const taken = await reader.next()
    expect([taken.envelope.headers.id, taken.lost]).toEqual(['1', 1])
  })

  it('ends with a process that closes: nothing is left, and it exits by itself', async () => {
    await broker.publish(envelopeOf('1'), toQueue('q'))
    const child = await start()
    await child.says('held 1')
    expect(await child.end()).toBe(0)
    const tables = broker.file.db.prepare(
      'SELECT (SELECT count(*) FROM celeriac_consumer) + (SELECT count(*) FROM celeriac_binding) AS n',
    )
    expect(tables.get()?.n).toBe(0)
    const again = await (await read()).next()
    expect([again.redelivered, again.lost]).toEqual([true, 0])
  })
})
