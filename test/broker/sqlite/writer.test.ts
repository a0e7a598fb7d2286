import { openSync, readSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { StoreUnavailableError } from '../../../src/std/errors.ts'
import type { SqliteBroker } from '../../../src/stores/sqlite/broker/broker.ts'
import type { SqliteFile } from '../../../src/stores/sqlite/file.ts'
import { envelopeOf, toQueue } from '../../../src/testing/factories.ts'
import { pause } from '../../../src/testing/kit.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { StandaloneSqliteBroker } from '../../stores/standalone.ts'
import { Folder } from './folder.ts'

/** SQLite's counter of transactions, in the index of the write-ahead log: https://sqlite.org/walformat.html §2.1 */
function transactions(path: string): number {
  const bytes = Buffer.alloc(4)
  readSync(openSync(`${path}-shm`, 'r'), bytes, 0, 4, 8)
  return bytes.readUInt32LE()
}

describe('writes', () => {
  let folder: Folder
  let broker: SqliteBroker
  let store: SqliteFile

  const count = async (work: () => Promise<unknown>): Promise<number> => {
    const before = transactions(store.path)
    await work()
    return transactions(store.path) - before
  }
  const send = (id: string): Promise<void> => broker.publish(envelopeOf(id), toQueue('q'))
  const sendMany = (ids: number): Promise<unknown> =>
    Promise.all(Array.from({ length: ids }, (_, at) => send(String(at))))

  beforeEach(() => {
    folder = new Folder()
    broker = new StandaloneSqliteBroker(folder.url(), { lease: 30_000 })
    store = broker.file
  })

  afterEach(async () => {
    await broker.close()
    folder.remove()
  })

  it('of one turn are one transaction', async () => {
    expect(await count(() => send('1'))).toBe(1)
    expect(await count(() => sendMany(1000))).toBe(1)
    const one = async (): Promise<void> => {
      await send('a')
      await send('b')
      await send('c')
    }
    expect(await count(one)).toBe(3)
    expect(await count(() => Promise.all([one(), one(), one()]))).toBe(3)
    expect(await broker.size('q')).toBe(1001 + 3 + 9)
  })

  it('by the thousands are a few transactions, so that others get their turn', async () => {
    expect(await count(() => sendMany(5000))).toBe(3)
    expect(await broker.size('q')).toBe(5000)
  })

  it('acknowledgements and the next claim are one transaction', async () => {
    await sendMany(20)
    const reader = new Reader(await broker.consume([{ name: 'q' }], { prefetch: 5, name: 'celery@test' }))
    const first = await reader.take(5)
    // The thread that keeps the lease renews it once when it hears of the consumer.
    await pause(300)
    const settle = async (): Promise<void> => {
      await Promise.all(first.map((delivery) => delivery.ack()))
      await reader.take(5)
    }
    expect(await count(settle)).toBe(1)
  })

  it('that fail take only themselves along, with their own error', async () => {
    const reader = new Reader(await broker.consume([{ name: 'q' }], { prefetch: 5, name: 'celery@test' }))
    const error = new RangeError('not this one')
    const unknown = store.db.prepare('INSERT INTO celeriac_message (queue) VALUES (?)')
    const results = await Promise.allSettled([
      send('1'),
      store.writer.write(() => {
        throw error
      }),
      store.writer.write(() => unknown.run('without the rest')),
      store.writer.write(() => 'value'),
      send('2'),
    ])
    expect(results.map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'rejected', 'fulfilled', 'fulfilled'])
    expect(results[1]).toEqual({ status: 'rejected', reason: error })
    expect(results[3]).toMatchObject({ value: 'value' })
    await reader.take(2)
  })

  it('of a failed work leave no trace', async () => {
    const work = (): void => {
      broker.messages.publish(envelopeOf('half'), toQueue('q'))
      throw new RangeError('after half of it')
    }
    await expect(store.writer.write(work)).rejects.toThrow('after half of it')
    expect(await broker.size('q')).toBe(0)
  })

  it('wait while another process writes, and block nobody meanwhile', async () => {
    const other = new DatabaseSync(store.path)
    other.exec('BEGIN IMMEDIATE')
    let open = true
    const sent = sendMany(10).then(() => {
      open = false
    })
    const start = performance.now()
    for (let turn = 0; turn < 20; turn++) await pause(10)
    // Twenty pauses of 10 ms: with the loop blocked by SQLite's own waiting it would be seconds.
    expect(performance.now() - start).toBeLessThan(2000)
    expect(open).toBe(true)
    expect(await broker.size('q')).toBe(0)
    other.exec('COMMIT')
    other.close()
    await sent
    expect(await broker.size('q')).toBe(10)
  })

  it('asked for before close are done, also those that follow from them; later ones are refused', async () => {
    const other = new StandaloneSqliteBroker(folder.url(), { lease: 30_000 })
    const follow = other.publish(envelopeOf('1'), toQueue('q')).then(() => other.publish(envelopeOf('2'), toQueue('q')))
    await other.close()
    // Done or refused, but never left open.
    const [followed] = await Promise.allSettled([follow])
    expect(await broker.size('q')).toBe(followed?.status === 'fulfilled' ? 2 : 1)
    await expect(other.publish(envelopeOf('3'), toQueue('q'))).rejects.toBeInstanceOf(StoreUnavailableError)
    await expect(other.size('q')).rejects.toBeInstanceOf(StoreUnavailableError)
  })
})
