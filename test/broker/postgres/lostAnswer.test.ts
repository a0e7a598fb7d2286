import { expect, onTestFinished, test } from 'vitest'
import { StoreUnavailableError } from '../../../src/std/errors.ts'
import { PostgresBroker } from '../../../src/stores/postgres/broker/broker.ts'
import { Database, type RunOptions } from '../../../src/stores/postgres/connection/database.ts'
import type { Row, Step } from '../../../src/stores/postgres/connection/pipeline.ts'
import { until } from '../../app/lab.ts'
import { emptyPostgres } from '../../postgres/shared.ts'
import { Tables } from './tables.ts'

/** Transactions that claim or settle are committed, and their answer is lost with the connection. */
class Deaf extends Database {
  /** What becomes of the next ones: they are sent again, or the server does not come back in time. */
  next: ('again' | 'away')[] = []

  override async run(steps: readonly Step[], options: RunOptions = {}): Promise<Row[][]> {
    const fate = options.repeating && this.next.shift()
    if (!fate) return super.run(steps, options)
    await super.run(steps, options)
    if (fate === 'away') throw new StoreUnavailableError('no server')
    options.repeating?.()
    return super.run(steps, options)
  }
}

async function scene(names: readonly string[], next: Deaf['next'], lease = 30_000) {
  const tables = await Tables.open(await emptyPostgres(), onTestFinished)
  const database = new Deaf(tables.database.address, { name: 'deaf' })
  onTestFinished(() => database.close())
  const broker = new PostgresBroker(database, tables.session(lease), { lease })
  onTestFinished(() => broker.close())
  const send = (name: string) =>
    broker.publish(
      {
        headers: { id: name, task: 'task' },
        properties: { contentType: 'application/json', contentEncoding: 'utf-8' },
        body: '[[], {}, {}]',
      },
      { exchange: '', routingKey: 'celery' },
    )
  for (const name of names) await send(name)
  database.next = next
  const consumer = await broker.consume([{ name: 'celery' }], { name: 'one', prefetch: 2 })
  return { tables, database, consumer: consumer[Symbol.asyncIterator](), send }
}

test.each(['again', 'away'] as const)(
  'a claim whose answer is lost (%s): its messages come all the same',
  async (fate) => {
    const { tables, database, consumer, send } = await scene(['a', 'b'], [fate])
    const first = [await consumer.next(), await consumer.next()]
    expect(first.map(({ value }) => value.envelope.headers.id)).toEqual(['a', 'b'])
    expect(await Promise.all(first.map(({ value }) => value.ack()))).toEqual([true, true])
    await send('c')
    const { value } = await consumer.next()
    // Its acknowledgement took effect.
    database.next = ['again']
    expect([value.envelope.headers.id, await value.ack()]).toEqual(['c', true])
    await until(async () => (await tables.messages()).length === 0)
    expect(await tables.sql('SELECT * FROM celeriac.claim')).toEqual([])
  },
)

test('a settlement whose answer is lost, and that is tried again later, took effect', async () => {
  const { database, consumer } = await scene(['a'], [])
  const { value } = await consumer.next()
  database.next = ['away']
  await expect(value.ack()).rejects.toBeInstanceOf(StoreUnavailableError)
  expect([await value.ack(), await value.ack()]).toEqual([true, true])
})

test('a settlement whose answer is lost is none where another one may have had the message', async () => {
  const { tables, database, consumer } = await scene(['a'], [])
  const { value } = await consumer.next()
  await tables.sql('DELETE FROM celeriac.consumer')
  await tables.sql('DELETE FROM celeriac.claim')
  await tables.sql('DELETE FROM celeriac.message')
  database.next = ['again']
  expect(await value.ack()).toBe(false)
})

test('a message that comes back to a consumer whose lease was lost, by a claim whose answer is lost, comes all the same', async () => {
  const { tables, database, consumer } = await scene(['a'], [], 1000)
  const first = await consumer.next()
  database.next = ['again']
  await tables.sql('WITH gone AS (DELETE FROM celeriac.consumer) DELETE FROM celeriac.claim')
  const second = await consumer.next()
  expect(second.value.envelope.headers.id).toBe('a')
  expect([await first.value.ack(), await second.value.ack()]).toEqual([false, true])
})
