import assert from 'node:assert/strict'
import type { Case } from '../brokerFixture.ts'
import { envelopeOf, idsOf, toQueue } from '../factories.ts'
import { Reader } from '../reader.ts'

export function order(it: Case): void {
  it('serves by priority, then in order of arrival; none is priority 0', async ({ broker, read }) => {
    const sent = { a: 0, b: 9, none: undefined, c: 6, d: 9, e: 3, f: 0 }
    for (const [id, priority] of Object.entries(sent)) await broker.publish(envelopeOf(id, { priority }), toQueue('q'))
    const reader = await read(['q'], 10)
    const order = { highest: ['b', 'd', 'c', 'e', 'a', 'none', 'f'], lowest: ['a', 'none', 'f', 'e', 'c', 'b', 'd'] }
    assert.deepEqual(idsOf(await reader.take(7)), order[broker.first])
  })

  it('keeps the order of what is published in one turn', async ({ read, send }) => {
    const ids = Array.from({ length: 500 }, (_, at) => String(at))
    await send('q', ids)
    const reader = await read(['q'], 500)
    assert.deepEqual(idsOf(await reader.take(500)), ids)
  })

  it('a later message of a better priority comes before those that wait', async ({ broker, read }) => {
    const [waiting, urgent] = broker.first === 'highest' ? [0, 3] : [3, 0]
    for (const id of ['a', 'b', 'c']) await broker.publish(envelopeOf(id, { priority: waiting }), toQueue('q'))
    const reader = await read(['q'], 1)
    const first = await reader.next()
    await broker.publish(envelopeOf('urgent', { priority: urgent }), toQueue('q'))
    await first.ack()
    assert.deepEqual(idsOf([first, await reader.next()]), ['a', 'urgent'])
  })

  it('takes from its queues in turn: a full one does not starve the others', async ({ broker, read, send }) => {
    const full = Array.from({ length: 50 }, (_, at) => `f${at}`)
    await send('full', full)
    await send('other', ['o1', 'o2'])
    const reader = await read(['full', 'other'], 1)
    const seen: string[] = []
    const most = broker.turns === 'random' ? 40 : 4
    while (seen.length < most && seen.filter((queue) => queue === 'other').length < 2) {
      const delivery = await reader.next()
      seen.push(delivery.queue)
      await delivery.ack()
    }
    assert.equal(seen.filter((queue) => queue === 'other').length, 2)
  })

  it('takes from its own queues only', async ({ broker, read, send }) => {
    await send('theirs', ['t'])
    await send('ours', ['o'])
    const reader = await read(['ours'], 10)
    assert.deepEqual(idsOf([await reader.next()]), ['o'])
    await reader.nothing()
    assert.equal(await broker.size('theirs'), 1)
  })
}

export function weights(it: Case): void {
  it('takes from its queues by their weights; an empty one gives its turns to the others', async ({ broker, send }) => {
    if (broker.turns === 'random') return
    const ids = (name: string): string[] => Array.from({ length: 40 }, (_, at) => `${name}${at}`)
    await send('heavy', ids('h'))
    await send('light', ids('l'))
    const queues = [
      { name: 'light', weight: 1 },
      { name: 'empty', weight: 9 },
      { name: 'heavy', weight: 3 },
    ]
    const consumer = await broker.consume(queues, { prefetch: 1, ahead: 0, name: 'celery@suite' })
    const seen: string[] = []
    try {
      const reader = new Reader(consumer)
      while (seen.length < 80) {
        const delivery = await reader.next()
        seen.push(delivery.queue)
        await delivery.ack()
      }
    } finally {
      await consumer.release()
    }
    // Of the first 40, three of four; then what is left of the other.
    const heavy = seen.slice(0, 40).filter((queue) => queue === 'heavy').length
    assert.ok(heavy >= 27 && heavy <= 33, `expected about 30 of 40, got ${heavy}`)
    assert.ok(seen.slice(0, 8).includes('light'), 'expected that nothing starves')
    assert.equal(seen.filter((queue) => queue === 'light').length, 40)
  })
}

export function prefetch(it: Case): void {
  it('holds at most so many unsettled deliveries', async ({ broker, read, send }) => {
    await send('q', ['1', '2', '3', '4', '5'])
    const reader = await read(['q'], 3)
    const held = await reader.take(3)
    await reader.nothing()
    assert.equal(await broker.size('q'), 2)
    await held[1]?.ack()
    assert.deepEqual(idsOf([await reader.next()]), ['4'])
    await reader.nothing()
    assert.equal(await broker.size('q'), 1)
  })

  it('with none ahead, none is taken before its turn, however quickly they are settled', async ({ broker, send }) => {
    const ids = Array.from({ length: 300 }, (_, at) => String(at))
    await send('q', ids)
    const consumer = await broker.consume([{ name: 'q' }], { prefetch: 2, ahead: 0, name: 'celery@suite' })
    try {
      const reader = new Reader(consumer)
      for (let done = 0; done < 100; done++) await (await reader.next()).ack()
      await reader.take(2)
      assert.equal(await broker.size('q'), 198)
    } finally {
      await consumer.close()
      await consumer.release()
    }
  })

  it('0 pauses, also from the start', async ({ broker, consume, send }) => {
    const consumer = await consume(['q'], 0)
    const reader = new Reader(consumer)
    await send('q', ['1', '2'])
    await reader.nothing()
    assert.equal(await broker.size('q'), 2)
    consumer.prefetch(1)
    const first = await reader.next()
    consumer.prefetch(0)
    await first.ack()
    await reader.nothing()
    assert.equal(await broker.size('q'), 1)
    consumer.prefetch(1)
    assert.deepEqual(idsOf([first, await reader.next()]), ['1', '2'])
  })

  it('raised, it takes more at once; lowered, it lets go only what is settled', async ({ broker, consume, send }) => {
    await send('q', ['1', '2', '3', '4', '5', '6'])
    const consumer = await consume(['q'], 1)
    const reader = new Reader(consumer)
    const held = await reader.take(1)
    consumer.prefetch(4)
    held.push(...(await reader.take(3)))
    consumer.prefetch(1)
    for (const delivery of held.slice(1)) await delivery.ack()
    await reader.nothing()
    assert.equal(await broker.size('q'), 2)
    await held[0]?.ack()
    assert.deepEqual(idsOf([await reader.next()]), ['5'])
  })
}

export function settling(it: Case): void {
  it('ack: done, and forgotten', async ({ broker, read, send }) => {
    await send('q', ['1'])
    const delivery = await (await read(['q'], 1)).next()
    assert.equal(delivery.queue, 'q')
    assert.equal(delivery.redelivered, false)
    assert.equal(delivery.lost, 0)
    assert.equal(await delivery.ack(), true)
    assert.equal(await broker.size('q'), 0)
    const again = await read(['q'], 1)
    await again.nothing()
  })

  it('is settled once: whatever comes second is false and changes nothing', async ({ broker, read, send }) => {
    await send('q', ['1', '2', '3'])
    const reader = await read(['q'], 3)
    const [first, second, third] = await reader.take(3)
    assert.ok(first && second && third)
    assert.deepEqual([await first.ack(), await first.ack()], [true, false])
    assert.equal(await first.reject({ requeue: true }), false)
    assert.deepEqual([await second.reject({ requeue: false }), await second.ack()], [true, false])
    assert.equal(await broker.size('q'), 0)
    assert.equal(await third.reject({ requeue: true }), true)
    const newer = await reader.next()
    // We hold the message again, but this delivery of it is over.
    assert.deepEqual([await third.ack(), await third.reject({ requeue: true })], [false, false])
    assert.deepEqual([newer.envelope.body, await newer.ack()], ['"3"', true])
  })

  it('requeue: returned ahead of later ones, and marked', async ({ read, send }) => {
    await send('q', ['1', '2', '3'])
    const reader = await read(['q'], 1)
    const first = await reader.next()
    assert.equal(await first.reject({ requeue: true }), true)
    const again = await reader.next()
    assert.deepEqual([...idsOf([again]), again.redelivered, again.lost], ['1', true, 0])
    await again.ack()
    assert.equal((await reader.next()).redelivered, false)
  })

  it('drop: is never delivered again', async ({ broker, read, send }) => {
    await send('q', ['1', '2'])
    const reader = await read(['q'], 1)
    assert.equal(await (await reader.next()).reject({ requeue: false }), true)
    const second = await reader.next()
    assert.deepEqual(idsOf([second]), ['2'])
    await second.ack()
    await reader.nothing()
    assert.equal(await broker.size('q'), 0)
  })

  it('settlements of one turn all count', async ({ broker, read, send }) => {
    const ids = Array.from({ length: 200 }, (_, at) => String(at))
    await send('q', ids)
    const held = await (await read(['q'], 200)).take(200)
    const ends = await Promise.all(held.map((one, at) => (at % 2 ? one.ack() : one.reject({ requeue: false }))))
    assert.ok(ends.every(Boolean))
    assert.equal(await broker.size('q'), 0)
  })
}
