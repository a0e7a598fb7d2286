import assert from 'node:assert/strict'
import type { Broker, Queue } from '../../broker/broker.ts'
import { EVENT_BINDING, EVENT_EXCHANGE, MAX_WAITING_EVENTS } from '../../protocol/event.ts'
import type { Case } from '../brokerFixture.ts'
import { envelopeOf, idsOf } from '../factories.ts'

/** A receiver of events. */
function receiver(name: string): Queue {
  return { name: `celeryev.${name}`, bindings: [EVENT_BINDING], transient: true }
}

async function send(broker: Broker, ids: readonly string[], routingKey = 'task.multi'): Promise<void> {
  for (const id of ids) await broker.publish(envelopeOf(id), { exchange: EVENT_EXCHANGE, routingKey })
}

/** The exchange of Celery's events: sent to all receivers of the moment, at most once. */
export function events(it: Case): void {
  it('an event goes to each receiver, whatever its routing key, in order', async ({ broker, other, read }) => {
    const second = await other()
    const readers = [await read([receiver('a')], 100), await read([receiver('b')], 100, second)]
    await send(broker, ['1'], 'worker.heartbeat')
    await send(broker, ['2', '3'])
    for (const reader of readers) assert.deepEqual(idsOf(await reader.take(3)), ['1', '2', '3'])
  })

  it('an event without a receiver is dropped: one that comes later gets those that follow', async ({
    broker,
    read,
  }) => {
    await send(broker, ['1', '2'])
    const reader = await read([receiver('late')], 100)
    await send(broker, ['3'])
    assert.deepEqual(idsOf(await reader.take(1)), ['3'])
    await reader.nothing()
  })

  it('a receiver that has ended leaves nothing behind', async ({ broker, consume }) => {
    const consumer = await consume([receiver('gone')], 100)
    await send(broker, ['1', '2'])
    await consumer.release()
    assert.equal(await broker.size('celeryev.gone'), 0)
  })

  it('of a receiver that does not read, a bounded number waits', async ({ broker, consume }) => {
    await consume([receiver('stuck')], 1)
    const ids = Array.from({ length: MAX_WAITING_EVENTS + 200 }, (_, at) => String(at))
    await Promise.all(
      ids.map((id) => broker.publish(envelopeOf(id), { exchange: EVENT_EXCHANGE, routingKey: 'task.multi' })),
    )
    assert.ok((await broker.size('celeryev.stuck')) <= MAX_WAITING_EVENTS)
  })
}
