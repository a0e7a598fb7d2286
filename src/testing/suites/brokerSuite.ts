import assert from 'node:assert/strict'
import type { Binding, Queue } from '../../broker/broker.ts'
import { CONTROL_BINDING } from '../../protocol/control.ts'
import type { Clock } from '../../std/clock.ts'
import { uuid } from '../../std/id.ts'
import { exchanges } from '../brokerExchanges.ts'
import { type Case, type OpenedBroker, placeOf } from '../brokerFixture.ts'
import { peeking } from '../brokerPeeking.ts'
import { ackAll, envelopeOf, idsOf, toQueue } from '../factories.ts'
import { type Kit, stays, until, WAIT_TIMEOUT_MS, within } from '../kit.ts'
import { Reader } from '../reader.ts'
import { oldest, takingOldest } from './bounds/oldestSuite.ts'
import { delays } from './brokerDelays.ts'
import { order, prefetch, settling, weights } from './brokerDeliveries.ts'
import { events } from './brokerEvents.ts'

/** What every broker must do: each case is a sentence of the contract in `broker/broker.ts`. */
export function brokerSuite(kit: Kit, name: string, open: () => Promise<OpenedBroker>): void {
  const one: Case = (title, body) => {
    kit.it(title, async () => {
      const opened = await open()
      const closing: (() => Promise<void>)[] = [() => opened.close()]
      try {
        await body(placeOf(opened, closing))
      } finally {
        for (const close of closing.reverse()) await close()
      }
    })
  }
  kit.describe(`broker ${name}`, () => {
    order(one)
    weights(one)
    prefetch(one)
    settling(one)
    delays(one)
    counting(one)
    purging(one)
    taking(one)
    oldest(one)
    takingOldest(one)
    peeking(one)
    fanout(one)
    exchanges(one)
    events(one)
    transient(one)
    ending(one)
    envelopes(one)
    sharing(one)
    traffic(one)
  })
}

/** Whose ids do not move those of the system's clock. */
const OLD_CLOCK: Clock = { now: () => Date.now(), after: () => () => undefined }
const CONTROL_QUEUE = { name: 'w.celery.pidbox', transient: true } as const

function counting(it: Case): void {
  it('size: what waits, without what is held or delayed', async ({ broker, read, send }) => {
    assert.equal(await broker.size('q'), 0)
    await send('q', ['1', '2', '3'])
    await send('elsewhere', ['4'])
    await broker.publish(envelopeOf('later'), toQueue('q'), { notBefore: Date.now() + 60_000 })
    assert.equal(await broker.size('q'), 3)
    await (await read(['q'], 1)).next()
    assert.equal(await broker.size('q'), 2)
  })

  it('backlog: what waits in each queue and since when; what is delayed and held', async ({ broker, read, send }) => {
    const none = { waiting: 0, oldest: undefined }
    assert.deepEqual(
      (await broker.backlog(['q', 'empty'])).queues,
      new Map([
        ['q', none],
        ['empty', none],
      ]),
    )
    const made = Date.now() - 90_000
    await send('q', [uuid(made, OLD_CLOCK)])
    await broker.publish(envelopeOf(uuid(), { priority: 3 }), toQueue('q'))
    await send('ids', ['no-time'])
    await broker.publish(envelopeOf('later'), toQueue('q'), { notBefore: Date.now() + 60_000 })
    const { queues, delayed, held } = await broker.backlog(['q', 'ids'])
    // RabbitMQ knows the counts of queues alone.
    const knows = delayed !== undefined
    assert.deepEqual(queues.get('q'), { waiting: 2, oldest: knows ? made : undefined })
    assert.deepEqual(queues.get('ids'), { waiting: 1, oldest: undefined })
    assert.deepEqual([delayed, held], knows ? [1, 0] : [undefined, undefined])
    await (await read(['ids'], 1)).next()
    const later = await broker.backlog(['ids'])
    assert.deepEqual([later.queues.get('ids'), later.held], [none, knows ? 1 : undefined])
  })

  it('workers: those that are connected, and none once they are gone', async ({ broker, consume, other, send }) => {
    if (!broker.workers) return
    await send('q', ['1'])
    assert.equal(await broker.workers('q'), 0)
    const count = () => broker.workers?.('q') ?? 0
    const elsewhere = await other()
    const control = await consume([{ ...CONTROL_QUEUE, bindings: [CONTROL_BINDING] }], 10, elsewhere)
    // With a free slot: RabbitMQ does not count a consumer that takes nothing.
    const worker = await consume(['q'], 1, elsewhere)
    await until('a worker is counted', async () => (await count()) > 0)
    for (const consumer of [worker, control]) {
      await consumer.close()
      await consumer.release()
    }
    await until('none is counted any more', async () => (await count()) === 0)
  })

  it('says that it is healthy', async ({ consume }) => {
    assert.equal((await consume(['q'], 1)).problem, undefined)
  })
}

/** What a purge drops. */
function purging(it: Case): void {
  it('purge: drops what waits or is delayed, returns how many, and keeps what is held', async ({
    broker,
    read,
    send,
  }) => {
    await send('q', ['held', '2', '3'])
    await send('elsewhere', ['4'])
    await broker.publish(envelopeOf('later'), toQueue('q'), { notBefore: Date.now() + 60_000 })
    const reader = await read(['q'], 1)
    const held = await reader.next()
    const { count, taskIds } = await broker.purge('q')
    assert.equal(count, 3)
    // Where the store can read them.
    if (taskIds.length > 0) assert.deepEqual([...taskIds].sort(), ['2', '3', 'later'])
    assert.deepEqual(await broker.purge('q'), { count: 0, taskIds: [], parts: [] })
    assert.deepEqual([await broker.size('q'), await broker.size('elsewhere')], [0, 1])
    assert.equal(await held.ack(), true)
    await broker.publish(envelopeOf('after'), toQueue('q'), { notBefore: Date.now() + 150 })
    assert.deepEqual(idsOf([await reader.next()]), ['after'])
  })

  it('purge: returns the messages that may be parts of chords', async ({ broker, send }) => {
    const { body: _, headers, ...plain } = envelopeOf('member')
    const body = '[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": {"task": "body"}}]'
    const member = { ...plain, headers: { ...headers, group: 'g', group_index: 0 }, body }
    await send('q', ['1'])
    await broker.publish(member, toQueue('q'))
    await broker.publish(member, toQueue('q'), { notBefore: Date.now() + 60_000 })
    const { parts } = await broker.purge('q')
    assert.deepEqual(
      parts.map((found) => [found.headers.id, found.headers.group, found.body]),
      [
        ['member', 'g', body],
        ['member', 'g', body],
      ],
    )
  })

  it('purge: what is about to come does not come either', async ({ broker, read }) => {
    await broker.publish(envelopeOf('soon'), toQueue('q'), { notBefore: Date.now() + 100 })
    assert.equal((await broker.purge('q')).count, 1)
    await broker.publish(envelopeOf('after'), toQueue('q'), { notBefore: Date.now() + 150 })
    assert.deepEqual(idsOf([await (await read(['q'], 1)).next()]), ['after'])
  })
}

function taking(it: Case): void {
  it('take: one message by task id, out of turn, where the store can', async ({ broker, read, send }) => {
    if (!broker.take) return
    await send('q', ['1', '2', '3'])
    const taken = await broker.take('2', 'q')
    assert.ok(taken)
    assert.deepEqual([taken.envelope.body, taken.queue, taken.redelivered], ['"2"', 'q', false])
    assert.equal(await broker.size('q'), 2)
    const held = await (await read(['q'], 5)).take(2)
    assert.deepEqual(idsOf(held), ['1', '3'])
    assert.equal(await broker.take('1', 'q'), undefined, 'held by another consumer')
    assert.equal(await broker.take('2', 'q'), undefined, 'held by ourselves')
    assert.equal(await broker.take('unknown', 'q'), undefined)
    assert.deepEqual([await taken.ack(), await taken.ack()], [true, false])
    assert.equal(await broker.take('2', 'q'), undefined)
  })

  it('take: a delayed one too; after its release it is delivered again', async ({ broker, read }) => {
    if (!broker.take) return
    await broker.publish(envelopeOf('1'), toQueue('q'), { notBefore: Date.now() + 60_000 })
    const taken = await broker.take('1', 'q')
    assert.equal(await taken?.reject({ requeue: true }), true)
    const again = (await broker.take('1', 'q')) ?? (await (await read(['q'], 1)).next())
    assert.deepEqual([again.redelivered, await again.ack()], [true, true])
  })
}

function allOf(exchange: string): Binding {
  return { exchange, kind: 'fanout' }
}

function fanout(it: Case): void {
  const replies = (name: string, ...exchanges: string[]): Queue[] => [
    { name, bindings: exchanges.map(allOf), transient: true },
  ]

  it('a fanout exchange copies to every bound queue, from every connection', async ({
    broker,
    consume,
    other,
    read,
  }) => {
    await broker.publish(envelopeOf('no consumer'), { exchange: 'news', routingKey: '' })
    const first = await read(replies('a', 'news'), 10)
    const second = await read(replies('b', 'news', 'weather'), 10, await other())
    const leaving = await consume(replies('c', 'news'), 10)
    await leaving.release()
    await broker.publish(envelopeOf('n1'), { exchange: 'news', routingKey: 'ignored' })
    await (await other()).publish(envelopeOf('w1'), { exchange: 'weather', routingKey: '' })
    const [news] = await first.take(1)
    assert.deepEqual(idsOf(await second.take(2)), ['n1', 'w1'])
    assert.deepEqual([news?.queue, news?.envelope.body, await news?.ack()], ['a', '"n1"', true])
    await first.nothing()
    assert.equal(await broker.size('c'), 0)
  })

  it('a direct exchange feeds the queues bound with its routing key; consumers of one queue share', async ({
    broker,
    other,
    read,
  }) => {
    const queue: Queue[] = [{ name: 'shared', bindings: [{ exchange: 'orders', kind: 'direct', routingKey: 'mine' }] }]
    const readers = [await read(queue, 1), await read(queue, 1, await other())]
    await broker.publish(envelopeOf('not ours'), { exchange: 'orders', routingKey: 'other' })
    for (const id of ['1', '2']) await broker.publish(envelopeOf(id), { exchange: 'orders', routingKey: 'mine' })
    const got = await Promise.all(readers.map((reader) => reader.next()))
    assert.deepEqual(idsOf(got).sort(), ['1', '2'])
    // Not every store keeps it: those that do return it unchanged.
    for (const { route } of got)
      assert.deepEqual(route ?? { exchange: 'orders', routingKey: 'mine' }, { exchange: 'orders', routingKey: 'mine' })
  })
}

function transient(it: Case): void {
  it('a transient queue is fed by its own name too, and goes with its consumer', async ({ broker, consume, send }) => {
    const consumer = await consume([{ name: 'replies', transient: true }], 1)
    await send('replies', ['1', '2', '3'])
    assert.deepEqual(idsOf([await new Reader(consumer).next()]), ['1'])
    await consumer.release()
    assert.equal(await broker.size('replies'), 0)
  })

  it('any other queue stays', async ({ broker, consume, send }) => {
    const bindings: Binding[] = [{ exchange: 'orders', kind: 'direct', routingKey: 'mine' }]
    const consumer = await consume([{ name: 'stays', bindings }], 1)
    await send('stays', ['1'])
    await consumer.release()
    await broker.publish(envelopeOf('2'), { exchange: 'orders', routingKey: 'mine' })
    await until('the queue is still fed', async () => (await broker.size('stays')) === 2)
  })
}

function ending(it: Case): void {
  it('close ends the iteration and takes no more', async ({ broker, consume, send }) => {
    const consumer = await consume(['q'], 10)
    const reader = new Reader(consumer)
    await reader.nothing()
    await consumer.close()
    await reader.end()
    await send('q', ['1'])
    assert.equal(await stays(new Reader(consumer).end()), false)
    assert.equal(await broker.size('q'), 1)
    await consumer.close()
  })

  it('close releases deliveries that were not read; those that were read may still be settled', async ({
    broker,
    consume,
    read,
    send,
  }) => {
    await send('q', ['1', '2', '3', '4'])
    const consumer = await consume(['q'], 3)
    const first = await new Reader(consumer).next()
    await until('it holds three', async () => (await broker.size('q')) === 1)
    await consumer.close()
    assert.equal(await broker.size('q'), 3)
    assert.deepEqual(idsOf(await (await read(['q'], 5)).take(3)), ['2', '3', '4'])
    assert.equal(await first.ack(), true)
  })

  it('release returns unsettled deliveries at once', async ({ consume, other, read, send }) => {
    await send('q', ['1', '2'])
    const consumer = await consume(['q'], 2)
    const held = await new Reader(consumer).take(2)
    const reader = await read(['q'], 2, await other())
    await reader.nothing()
    await consumer.close()
    await reader.nothing()
    await consumer.release()
    const again = await reader.take(2)
    assert.deepEqual(idsOf(again), ['1', '2'])
    assert.ok(again.every((one) => one.redelivered && one.lost === 0))
    assert.deepEqual(await Promise.all(held.map((one) => one.ack())), [false, false])
    assert.deepEqual(await Promise.all(again.map((one) => one.ack())), [true, true])
    await consumer.release()
  })
}

function envelopes(it: Case): void {
  it('headers, properties and body arrive as they were sent', async ({ broker, read }) => {
    const headers = { id: 'ü-1', nested: { list: [1, null, 'zwei', true], deep: { er: -0.5 } }, none: null, empty: {} }
    const properties = {
      contentType: 'application/json',
      contentEncoding: 'utf-8',
      correlationId: 'ü-1',
      replyTo: 'replies',
      priority: 7,
      expiration: '60000',
      deliveryMode: 2 as const,
    }
    const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)
    const bodies = ['[[1, 2], {}, {"a": "\u{1f331}\\u0000"}]', '', '\u0000 \u2028', bytes, new Uint8Array()]
    const reader = await read(['q'], 10)
    for (const body of bodies) await broker.publish({ headers, properties, body }, toQueue('q'))
    for (const body of bodies) {
      const { envelope } = await reader.next()
      assert.deepEqual(envelope.headers, headers)
      assert.deepEqual(envelope.properties, properties)
      if (typeof body === 'string') assert.equal(envelope.body, body)
      else assert.deepEqual(Buffer.from(envelope.body as Uint8Array), Buffer.from(body))
    }
  })

  it('a body of megabytes', async ({ broker, read }) => {
    const body = 'x'.repeat(5 * 2 ** 20)
    await broker.publish({ ...envelopeOf('big'), body }, toQueue('q'))
    assert.equal((await (await read(['q'], 1)).next()).envelope.body, body)
  })
}

function sharing(it: Case): void {
  it('wakes a waiting consumer of another connection', async ({ other, read }) => {
    const reader = await read(['q'], 1)
    await reader.nothing()
    const second = await other()
    await second.publish(envelopeOf('1'), toQueue('q'))
    const delivery = await reader.next()
    assert.equal(await second.size('q'), 0)
    const waiting = await read(['q'], 1, second)
    await waiting.nothing()
    await delivery.reject({ requeue: true })
    const again = await Promise.race([waiting.next(), reader.next()])
    assert.equal(again.redelivered, true)
  })
}

function traffic(it: Case): void {
  it('5,000 messages over two consumers: each exactly once', async ({ broker, consume, other }) => {
    const second = await other()
    const seen: string[] = []
    const consumers = [await consume(['q'], 50), await consume(['q'], 7, second)]
    const loops = consumers.map((consumer) => ackAll(consumer, (id) => seen.push(id)))
    const ids = Array.from({ length: 5000 }, (_, at) => String(at))
    const sent = ids.map((id, at) => (at % 2 ? broker : second).publish(envelopeOf(id), toQueue('q')))
    await Promise.all(sent)
    await until('all have come', () => seen.length >= 5000, 2 * WAIT_TIMEOUT_MS)
    await Promise.all(consumers.map((consumer) => consumer.close()))
    await within('both loops end', Promise.all(loops))
    assert.deepEqual(new Set(seen), new Set(ids))
    assert.equal(seen.length, 5000)
    assert.equal(await broker.size('q'), 0)
  })
}
