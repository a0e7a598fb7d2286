import { expect, test } from 'vitest'
import type { Delivery } from '../../../src/broker/broker.ts'
import { LeaseTable } from '../../../src/stores/redis/broker/leaseTable.ts'
import { until } from '../../app/lab.ts'
import { RedisServer } from '../../redis/server.ts'
import { StandaloneRedisBroker } from '../../stores/standalone.ts'

test('another view of the memory sees what is added until it is removed, and slots are used again', () => {
  const table = new LeaseTable()
  const reader = new LeaseTable(table.memory)
  const slots: number[] = []
  for (let count = 1; !table.isFull; count++) slots.push(table.add({ name: `claim ${count} `, count }))
  expect(reader.claims()).toHaveLength(256)
  expect(reader.claims()).toContainEqual({ name: 'claim 200 ', count: 200 })
  for (const slot of slots.slice(1)) table.remove(slot)
  expect([reader.claims(), table.isFull]).toEqual([[{ name: 'claim 1 ', count: 1 }], false])
  table.add({ name: 'another', count: 7 })
  expect(reader.claims()).toHaveLength(2)
})

test('more claims than one table holds are renewed as one is', { timeout: 60_000 }, async () => {
  const server = await RedisServer.start()
  const broker = new StandaloneRedisBroker(server.url(), { lease: 2000, visibilityTimeout: 3_600_000 })
  try {
    const consumer = await broker.consume([{ name: 'q' }], { prefetch: 1000, name: 'test' })
    const deliveries = consumer[Symbol.asyncIterator]()
    const held: Delivery[] = []
    // One by one: each is claimed alone.
    for (let id = 0; id < 300; id++) {
      const properties = { contentType: 'application/json', contentEncoding: 'utf-8' }
      const headers = { task: 'a', id: String(id) }
      await broker.publish({ headers, properties, body: '[[],{},{}]' }, { exchange: '', routingKey: 'q' })
      held.push((await deliveries.next()).value as Delivery)
    }
    const earliest = async (): Promise<number> =>
      Number((await server.cli('ZRANGE', 'unacked_index', '0', '0', 'WITHSCORES')).split('\n')[1])
    const before = await earliest()
    // The lowest score is that of the claim that was renewed first: all have been.
    await until(async () => (await earliest()) > before + 3)
    expect((await Promise.all(held.map((delivery) => delivery.ack()))).every(Boolean)).toBe(true)
  } finally {
    await broker.close()
    await server.stop()
  }
})
