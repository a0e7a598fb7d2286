import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import { QueueFullError } from '../../../src/std/errors.ts'
import { useLab } from '../../app/lab.ts'
import { emptyPostgres } from '../../postgres/shared.ts'

/** Sends three jobs, of which two have room, in a transaction that `end` ends. */
async function fill(app: App, client: object, end: () => unknown): Promise<void> {
  const ids: string[] = []
  await app.within(client, async () => {
    for (const n of [1, 2]) ids.push((await app.send('pack', [n])).id)
    await expect(app.send('pack', [3])).rejects.toBeInstanceOf(QueueFullError)
    // Another queue has a bound of its own, and the transaction is as it was.
    ids.push((await app.send('pack', [4], { queue: 'other' })).id)
  })
  await end()
  expect([await app.queueSize(), await app.queueSize('other')]).toEqual([2, 1])
  expect(await app.states(ids)).toEqual(['PENDING', 'PENDING', 'PENDING'])
  await expect(app.send('pack', [5])).rejects.toBeInstanceOf(QueueFullError)
}

/** The same by bytes: one job has room. */
async function fillBytes(app: App, client: object, end: () => unknown): Promise<void> {
  const text = 'x'.repeat(1000)
  await app.within(client, async () => {
    await app.send('pack', [text])
    await expect(app.send('pack', [text])).rejects.toMatchObject({ option: 'maxQueueBytes', limit: 3000 })
  })
  await end()
  expect(await app.queueSize()).toBe(1)
}

const lab = useLab('sqlite')

test('SQLite: a full queue refuses a call in a transaction of the caller, and nothing else', async () => {
  const app = lab().app({ maxQueueLength: 2, onFull: 'drop-oldest', queues: { celery: { onFull: 'reject' } } })
  await app.connect()
  const db = new DatabaseSync(lab().path, { timeout: 10_000 })
  lab().after(() => db.close())
  db.exec('BEGIN IMMEDIATE')
  await fill(app, db, () => db.exec('COMMIT'))
})

test('SQLite: a queue whose bytes are full refuses a call in a transaction of the caller', async () => {
  const app = lab().app({ maxQueueBytes: 3000 })
  await app.connect()
  const db = new DatabaseSync(lab().path, { timeout: 10_000 })
  lab().after(() => db.close())
  db.exec('BEGIN IMMEDIATE')
  await fillBytes(app, db, () => db.exec('COMMIT'))
})

test('SQLite: in a transaction of the caller no job is dropped', async () => {
  const app = lab().app({ maxQueueLength: 1, onFull: 'drop-oldest' })
  const { id } = await app.send('pack', [1])
  const db = new DatabaseSync(lab().path, { timeout: 10_000 })
  lab().after(() => db.close())
  db.exec('BEGIN IMMEDIATE')
  await app.within(db, () => expect(app.send('pack', [2])).rejects.toBeInstanceOf(QueueFullError))
  db.exec('COMMIT')
  expect(await app.result(id).state()).toBe('PENDING')
  await app.send('pack', [3])
  expect([await app.result(id).state(), await app.queueSize()]).toEqual(['REVOKED', 1])
})

test('PostgreSQL: the same', async () => {
  const url = await emptyPostgres()
  const app = lab().app({ broker: url, maxQueueLength: 2 })
  await app.connect()
  const client = new pg.Client({ connectionString: url })
  lab().after(() => client.end())
  await client.connect()
  await client.query('BEGIN')
  await fill(app, client, () => client.query('COMMIT'))
  await app.purge()
  const sized = lab().app({ broker: url, maxQueueBytes: 3000 })
  await sized.connect()
  await client.query('BEGIN')
  await fillBytes(sized, client, () => client.query('COMMIT'))
})
