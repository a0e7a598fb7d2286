import assert from 'node:assert/strict'
import type { Binding, Queue } from '../broker/broker.ts'
import type { Case } from './brokerFixture.ts'
import { envelopeOf, idsOf } from './factories.ts'
import { until } from './kit.ts'

function bound(name: string, exchange: string, kind: Binding['kind'], routingKey?: string): Queue {
  return { name, bindings: [{ exchange, kind, ...(routingKey !== undefined && { routingKey }) }] }
}

/** Queue of one worker, that gets what is sent to all. */
function ofOne(name: string): Queue {
  return { ...bound(`bcast.${name}`, 'news', 'fanout'), transient: true }
}

/** Named exchanges of an app. */
export function exchanges(it: Case): void {
  topics(it)
  copies(it)
}

function topics(it: Case): void {
  it('a topic exchange feeds each queue whose pattern fits the routing key, once', async ({ broker, other, read }) => {
    const readers = await Promise.all(
      ['feed.#', '*.sport', 'feed.*.de', 'weather', 'feed.sport'].map((pattern, at) =>
        read([bound(`t${at}`, 'feeds', 'topic', pattern)], 10),
      ),
    )
    const second = await other()
    const keys = ['feed.sport', 'weather', 'feed.news.de', 'unknown.key', 'feedXsport']
    for (const routingKey of keys) await second.publish(envelopeOf(routingKey), { exchange: 'feeds', routingKey })
    await broker.publish(envelopeOf('end'), { exchange: 'feeds', routingKey: 'feed.sport' })
    const expected = [
      ['feed.sport', 'feed.news.de', 'end'],
      ['feed.sport', 'end'],
      ['feed.news.de'],
      ['weather'],
      ['feed.sport', 'end'],
    ]
    for (const [at, reader] of readers.entries()) {
      assert.deepEqual(idsOf(await reader.take(expected[at]?.length ?? 0)), expected[at])
      await reader.nothing()
    }
  })

  it('a sender that knows the queues of an exchange makes them: nothing is dropped before the first consumer', async ({
    broker,
    read,
  }) => {
    const queue = bound('early', 'topics', 'topic', 'a.*')
    const route = { exchange: 'topics', routingKey: 'a.b', kind: 'topic', queues: [queue] } as const
    await broker.publish(envelopeOf('1'), route)
    await broker.publish(envelopeOf('2'), { ...route, routingKey: 'b.b' })
    await until('it waits', async () => (await broker.size('early')) === 1)
    const reader = await read([queue], 1)
    assert.deepEqual(idsOf([await reader.next()]), ['1'])
    await reader.nothing()
  })

  it('messages of an exchange are settled as any other', async ({ broker, read, send }) => {
    const queue = bound('settled', 'orders', 'direct', 'paid')
    const route = { exchange: 'orders', routingKey: 'paid', kind: 'direct', queues: [queue] } as const
    for (const id of ['1', '2', '3']) await broker.publish(envelopeOf(id), route)
    await send('settled', ['4'])
    await until('all wait', async () => (await broker.size('settled')) === 4)
    const reader = await read([queue], 1)
    const first = await reader.next()
    assert.equal(await first.reject({ requeue: true }), true)
    const again = await reader.next()
    assert.deepEqual([idsOf([again]), again.redelivered], [['1'], true])
    assert.deepEqual([await again.ack(), await again.ack()], [true, false])
    const rest: string[] = []
    for (let left = 3; left > 0; left--) {
      const delivery = await reader.next()
      rest.push(...(idsOf([delivery]) as string[]))
      await delivery.ack()
    }
    assert.deepEqual(rest, ['2', '3', '4'])
    assert.equal(await broker.size('settled'), 0)
  })
}

function copies(it: Case): void {
  it('a broadcast is held, requeued and limited like any message, by each consumer for itself', async ({
    broker,
    other,
    read,
  }) => {
    const route = { exchange: 'news', routingKey: '', kind: 'fanout' } as const
    await broker.publish(envelopeOf('no consumer'), route)
    const readers = [await read([ofOne('a'), { name: 'q' }], 1), await read([ofOne('b')], 1, await other())]
    for (const id of ['1', '2']) await broker.publish(envelopeOf(id), route)
    for (const reader of readers) {
      const first = await reader.next()
      assert.deepEqual(idsOf([first]), ['1'])
      await reader.nothing()
      assert.equal(await first.reject({ requeue: true }), true)
      const again = await reader.next()
      assert.deepEqual([idsOf([again]), again.redelivered], [['1'], true])
      assert.equal(await again.ack(), true)
      const last = await reader.next()
      assert.deepEqual(idsOf([last]), ['2'])
      assert.equal(await last.ack(), true)
    }
  })

  it('a message to an exchange that leads nowhere is dropped', async ({ broker, read }) => {
    const reader = await read([bound('here', 'known', 'direct', 'here')], 10)
    await broker.publish(envelopeOf('1'), { exchange: 'known', routingKey: 'elsewhere' })
    await broker.publish(envelopeOf('2'), { exchange: 'unknown', routingKey: 'here' })
    await broker.publish(envelopeOf('3'), { exchange: 'known', routingKey: 'here' })
    assert.deepEqual(idsOf([await reader.next()]), ['3'])
    await reader.nothing()
  })
}
