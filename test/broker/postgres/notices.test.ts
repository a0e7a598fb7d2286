import { expect, onTestFinished, test } from 'vitest'
import type { Delivery } from '../../../src/broker/broker.ts'
import { PostgresBroker } from '../../../src/stores/postgres/broker/broker.ts'
import { Database } from '../../../src/stores/postgres/connection/database.ts'
import { emptyPostgres } from '../../postgres/shared.ts'
import { eventually } from '../../wait.ts'
import { Tables } from './tables.ts'

const LEASE = 30_000
/** More than are notified in one window. */
const COUNT = 8

test('a process that sends a burst and ends does not leave the last of it to a look of the workers', async () => {
  const tables = await Tables.open(await emptyPostgres(), onTestFinished)
  const broker = new PostgresBroker(tables.database, tables.session(LEASE), { lease: LEASE })
  onTestFinished(() => broker.close())
  const consumer = await broker.consume([{ name: 'celery' }], { name: 'one', prefetch: 100 })
  const taken: Delivery[] = []
  void (async () => {
    for await (const delivery of consumer) taken.push(delivery)
  })()
  const database = new Database(tables.database.address, { name: 'sender' })
  onTestFinished(() => database.close())
  const sender = new PostgresBroker(database, tables.session(LEASE), { lease: LEASE })
  const properties = { contentType: 'application/json', contentEncoding: 'utf-8' } as const
  for (let count = 0; count < COUNT; count++)
    await sender.publish({ headers: { task: 'task' }, properties, body: '[]' }, { exchange: '', routingKey: 'celery' })
  await sender.close()
  await database.close()
  // An idle consumer looks by itself after 3.75 s at the earliest.
  await eventually(
    async () => taken.length,
    (length) => length === COUNT,
    2000,
  )
  expect(taken).toHaveLength(COUNT)
})
