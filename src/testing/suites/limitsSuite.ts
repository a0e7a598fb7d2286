import assert from 'node:assert/strict'
import type { Consumer, Delivery } from '../../broker/broker.ts'
import { placeOf } from '../brokerFixture.ts'
import { idsOf } from '../factories.ts'
import { type Kit, pause, until } from '../kit.ts'
import {
  atOnce,
  heldOf,
  type LimitCase,
  type LimitPlace,
  limitPlaceOf,
  numbered,
  type OpenedLimits,
  sendLimited,
} from '../limitFixture.ts'
import { breakers, manyLanes, pauses, states, zeroUses } from './limitStates.ts'

/** What every broker with limits must do: each case is a sentence of the contract in `broker/limits.ts`. */
export function limitsSuite(kit: Kit, name: string, open: () => Promise<OpenedLimits>): void {
  const one = (title: string, body: (place: LimitPlace) => Promise<void>): void => {
    kit.it(title, async () => {
      const opened = await open()
      const closing: (() => Promise<void>)[] = [() => opened.close()]
      try {
        await body(limitPlaceOf(opened, placeOf(opened, closing)))
      } finally {
        for (const close of closing.reverse()) await close()
      }
    })
  }
  kit.describe(`limits ${name}`, () => {
    concurrency(one)
    returning(one)
    counts(one)
    rates(one)
    turns(one)
    traffic(one)
    out(one)
    zeroUses(one)
    pauses(one)
    manyLanes(one)
    breakers(one)
    states(one)
  })
}

const ackEach = (deliveries: readonly Delivery[]): Promise<unknown> => Promise.all(deliveries.map((one) => one.ack()))

function concurrency(it: LimitCase): void {
  it('concurrency: no more at once, over all consumers; each end lets the next one through', async (place) => {
    const { limits, limited, consume, other } = place
    await limits.define([atOnce('two', 2)])
    const ids = numbered('', 12)
    await limited('q', ids, ['two'])
    const seen: (string | undefined)[] = []
    let [now, most] = [0, 0]
    for (const broker of [place.broker, await other()]) void serve(await consume(['q'], 10, broker))
    await until('all have come', () => seen.length === ids.length)
    assert.deepEqual([most, [...seen].sort()], [2, [...ids].sort()])
    await until('none is held', async () => (await heldOf(limits, 'two')) === 0)

    async function serve(consumer: Consumer): Promise<void> {
      for await (const delivery of consumer) void settle(delivery)
    }

    async function settle(delivery: Delivery): Promise<void> {
      assert.deepEqual([delivery.queue, delivery.limited], ['q', true])
      now++
      most = Math.max(most, now)
      await pause(5)
      now--
      await delivery.ack()
      seen.push(...idsOf([delivery]))
    }
  })

  it('concurrency by key: one key does not hold up another, nor what has no limits', async (place) => {
    const { limits, limited, read, send } = place
    await limits.define([atOnce('one', 1)])
    await limited('q', ['a1', 'a2', 'a3'], [['one', 'a']])
    await limited('q', ['b1', 'b2'], [['one', 'b']])
    await send('q', ['free'])
    const reader = await read(['q'], 10)
    const taken = await reader.take(3)
    assert.deepEqual(idsOf(taken).sort(), ['a1', 'b1', 'free'])
    await reader.nothing()
    await ackEach(taken)
    const next = await reader.take(2)
    assert.deepEqual(idsOf(next).sort(), ['a2', 'b2'])
    await ackEach(next)
    assert.deepEqual(idsOf([await reader.next()]), ['a3'])
  })
}

function returning(it: LimitCase): void {
  it('concurrency: what is put back returns what it took, and is next', async ({ limits, limited, read }) => {
    await limits.define([atOnce('one', 1)])
    await limited('q', ['1', '2'], ['one'])
    const reader = await read(['q'], 10)
    const first = await reader.next()
    assert.equal(await first.reject({ requeue: true }), true)
    const again = await reader.next()
    assert.deepEqual([again.redelivered, again.limited, ...idsOf([again])], [true, true, '1'])
    assert.equal(await again.reject({ requeue: false }), true)
    assert.deepEqual(idsOf([await reader.next()]), ['2'])
  })

  it('concurrency: what a consumer releases at its end is free', async ({ limits, limited, consume, read }) => {
    await limits.define([atOnce('one', 1)])
    await limited('q', ['1', '2'], ['one'])
    const consumer = await consume(['q'], 10)
    await until('one is held', async () => (await heldOf(limits, 'one')) === 1)
    await consumer.release()
    assert.equal(await heldOf(limits, 'one'), 0)
    const reader = await read(['q'], 10)
    assert.deepEqual(idsOf([await reader.next()]), ['1'])
    await reader.nothing()
  })

  it('concurrency: what a lost consumer held returns with its lease', async ({ limits, limited, read, loseOne }) => {
    if (!loseOne) return
    await limits.define([atOnce('one', 1)])
    await limited('q', ['1', '2'], ['one'])
    await loseOne('q')
    const reader = await read(['q'], 10)
    const again = await reader.next()
    assert.deepEqual([again.lost, ...idsOf([again])], [1, '1'])
    await reader.nothing()
    await again.ack()
    assert.deepEqual(idsOf([await reader.next()]), ['2'])
    assert.equal(await heldOf(limits, 'one'), 1)
  })
}

function counts(it: LimitCase): void {
  it('several of one limit: a message takes all that it needs, and one that needs more is not passed for ever', async (place) => {
    const { limits, limited, read } = place
    await limits.define([atOnce('db', 3)])
    await limited('q', ['two', 'two more'], [['db', '', 2]])
    await limited('q', ['one', 'one more'], [['db', '', 1]])
    const reader = await read(['q'], 10)
    const taken = await reader.take(2)
    assert.deepEqual(idsOf(taken).sort(), ['one', 'two'])
    await reader.nothing()
    await taken.find((one) => idsOf([one])[0] === 'two')?.ack()
    const [third] = await reader.take(1)
    assert.ok(third)
    await limited('q', ['too much'], [['db', '', 5]])
    await ackEach([...taken.filter((one) => idsOf([one])[0] !== 'two'), third])
    const ids: (string | undefined)[] = [...idsOf([third])]
    while (ids.length < 3) {
      const next = await reader.next()
      ids.push(...idsOf([next]))
      await next.ack()
    }
    assert.deepEqual([...ids].sort(), ['one more', 'too much', 'two more'])
  })

  it('a limit that is named twice is needed twice', async ({ limits, limited, read }) => {
    await limits.define([atOnce('db', 3)])
    await limited('q', ['1', '2'], ['db', ['db', '', 1]])
    const reader = await read(['q'], 10)
    const first = await reader.next()
    await reader.nothing()
    assert.equal(await heldOf(limits, 'db'), 2)
    await first.ack()
    assert.deepEqual(idsOf([await reader.next()]), ['2'])
  })

  it('several limits: what one of them stops takes nothing of the others', async ({ limits, limited, read }) => {
    await limits.define([atOnce('small', 1), atOnce('large', 2)])
    await limited('q', ['1', '2'], ['small', 'large'])
    await limited('q', ['3'], ['large'])
    const reader = await read(['q'], 10)
    assert.deepEqual(idsOf(await reader.take(2)).sort(), ['1', '3'])
    await reader.nothing()
    assert.deepEqual([await heldOf(limits, 'small'), await heldOf(limits, 'large')], [1, 2])
  })

  it('a rule that is defined again holds for what waits; without a rule nothing is limited', async (place) => {
    const { limits, limited, read } = place
    await limits.define([atOnce('n', 1)])
    await limited('q', ['1', '2', '3', '4'], ['n'])
    await limited('q', ['free 1', 'free 2'], ['undefined'])
    const reader = await read(['q'], 10)
    assert.deepEqual(idsOf(await reader.take(3)).sort(), ['1', 'free 1', 'free 2'])
    await reader.nothing()
    await limits.define([atOnce('n', 3)])
    assert.deepEqual(idsOf(await reader.take(2)), ['2', '3'])
    await reader.nothing()
    await limits.define([{ name: 'n' }])
    assert.deepEqual(idsOf([await reader.next()]), ['4'])
  })
}

function rates(it: LimitCase): void {
  it('rate: a burst at once, then one each interval; never more in any time', async ({ limits, limited, read }) => {
    const [interval, burst, count] = [200, 3, 9]
    await limits.define([{ name: 'r', rate: { interval, burst } }])
    const ids = Array.from({ length: count }, (_, at) => String(at))
    const start = Date.now()
    await limited('q', ids, ['r'])
    const reader = await read(['q'], 50)
    const moments: number[] = []
    for (const id of ids) {
      const delivery = await reader.next()
      moments.push(Date.now())
      assert.deepEqual(idsOf([delivery]), [id])
      await delivery.ack()
    }
    assertRate(start, moments, { interval, burst })
    const last = (moments.at(-1) ?? 0) - (moments[0] ?? 0)
    // A machine that is busy is late, and no multiple of it.
    assert.ok(last < (count - burst) * interval + 3000, `the last came ${last} ms after the first`)
  })

  it('rate by key, and with a concurrency limit: each counts for itself', async ({ limits, limited, read }) => {
    await limits.define([{ name: 'r', rate: { interval: 60_000, burst: 2 } }, atOnce('c', 3)])
    await limited('q', ['a1', 'a2', 'a3'], [['r', 'a'], 'c'])
    await limited('q', ['b1', 'b2', 'b3'], [['r', 'b'], 'c'])
    const reader = await read(['q'], 10)
    const taken = await reader.take(3)
    await reader.nothing()
    await ackEach(taken)
    assert.deepEqual(idsOf([...taken, ...(await reader.take(1))]).sort(), ['a1', 'a2', 'b1', 'b2'])
    await reader.nothing()
  })

  it('rate: is kept by all connections, and over restarts of consumers', async ({
    limits,
    limited,
    consume,
    read,
    other,
  }) => {
    await limits.define([{ name: 'r', rate: { interval: 60_000, burst: 1 } }])
    await limited('q', ['1', '2'], ['r'])
    const consumer = await consume(['q'], 10)
    await until('one is held', async () => (await heldOf(limits, 'r')) === 1)
    await consumer.release()
    await (await read(['q'], 10, await other())).nothing()
    const [state] = await limits.states([{ rule: 'r', key: '' }])
    assert.ok((state?.until ?? 0) > Date.now() + 30_000)
  })
}

/**
 * From `start` on at most `burst + time / interval`: `moments` are when they were delivered, which may be late, so a
 * shorter time in between says nothing. `tolerance`: of the clocks of this process and of the store, ms.
 */
export function assertRate(
  start: number,
  moments: readonly number[],
  { interval, burst }: { interval: number; burst: number },
  tolerance = 25,
): void {
  for (const [index, moment] of moments.entries()) {
    const most = burst + (moment - start + tolerance) / interval
    assert.ok(index + 1 <= most, `${index + 1} within ${moment - start} ms, expected at most ${most}`)
  }
}

function turns(it: LimitCase): void {
  it('lanes take turns: one with few messages does not wait behind one with many', async ({ limited, send, read }) => {
    await limited('q', numbered('a', 40), [['fair', 'a']])
    await limited('q', ['b1', 'b2'], [['fair', 'b']])
    await send('q', numbered('free', 40))
    const reader = await read(['q'], 1)
    const first: (string | undefined)[] = []
    for (let count = 0; count < 12; count++) {
      const delivery = await reader.next()
      first.push(...idsOf([delivery]))
      // A short task.
      await pause(5)
      await delivery.ack()
    }
    const of = (name: string): number => first.filter((id) => id?.startsWith(name)).length
    assert.equal(of('b'), 2, `expected both of b among the first: ${first.join(' ')}`)
    assert.ok(of('a') >= 2 && of('free') >= 2, first.join(' '))
  })

  it('a lane is served by priority, then by arrival', async ({ broker, limited, read }) => {
    const [high, low] = broker.first === 'highest' ? [9, 0] : [0, 9]
    await limited('q', ['3', '4'], ['l'], { priority: low })
    await limited('q', ['1', '2'], ['l'], { priority: high })
    const reader = await read(['q'], 1)
    for (const id of ['1', '2', '3', '4']) {
      const delivery = await reader.next()
      assert.deepEqual(idsOf([delivery]), [id])
      await delivery.ack()
    }
  })

  it('notBefore: waits for its time, then in its lane', async ({ limits, limited, broker, read }) => {
    await limits.define([atOnce('one', 1)])
    // Before anything is delayed: a consumer may take long to start.
    const reader = await read(['q'], 10)
    await limited('q', ['now'], ['one'])
    const now = await reader.next()
    assert.deepEqual(idsOf([now]), ['now'])
    const notBefore = Date.now() + 300
    await limited('q', ['later'], ['one'], { notBefore })
    assert.ok((await broker.size('q')) === 0 || Date.now() >= notBefore)
    await until('it waits in its lane', async () => (await broker.size('q')) === 1)
    await reader.nothing()
    await now.ack()
    assert.deepEqual(idsOf([await reader.next()]), ['later'])
  })
}

function traffic(it: LimitCase): void {
  it('many lanes, many slots, settled as they come: each is delivered once, and all returns', async (place) => {
    const { limits, broker, read } = place
    await limits.define([atOnce('some', 100)])
    const ids = numbered('', 2000)
    await Promise.all(ids.map((id, at) => sendLimited(broker, 'q', id, [['some', String(at % 40)]])))
    const reader = await read(['q'], 300)
    const [seen, ends]: [(string | undefined)[], Promise<boolean>[]] = [[], []]
    while (seen.length < ids.length) {
      const delivery = await reader.next()
      seen.push(...idsOf([delivery]))
      ends.push(delivery.ack())
    }
    assert.deepEqual(new Set(await Promise.all(ends)), new Set([true]))
    assert.deepEqual([...seen].sort(), [...ids].sort())
    await until('none is held', async () => (await heldOf(limits, 'some', '0')) === 0)
  })

  it('many lanes, few slots: all are served, each message once', async ({ limits, limited, read }) => {
    await limits.define([atOnce('key', 1), atOnce('all', 7)])
    const ids: string[] = []
    for (let at = 0; at < 120; at++) ids.push(`${at % 30}-${at}`)
    await Promise.all(ids.map((id) => limited('q', [id], [['key', id.split('-')[0] as string], 'all'])))
    const reader = await read(['q'], 10)
    const seen: (string | undefined)[] = []
    while (seen.length < ids.length) {
      const delivery = await reader.next()
      seen.push(...idsOf([delivery]))
      await delivery.ack()
    }
    assert.deepEqual([...seen].sort(), [...ids].sort())
    await until('nothing is held', async () => (await heldOf(limits, 'all')) === 0)
  })
}

/** Messages with limits are messages of their queue. */
function out(it: LimitCase): void {
  it('size, backlog and purge count them with their queue', async ({ limits, limited, send, broker, read }) => {
    await limits.define([atOnce('one', 1)])
    await limited('q', ['1', '2', '3'], [['one', 'a']])
    await limited('q', ['4'], [['one', 'b']])
    await send('q', ['5'])
    assert.equal(await broker.size('q'), 5)
    const held = await (await read(['q'], 3)).take(3)
    assert.equal(await broker.size('q'), 2)
    assert.equal((await broker.backlog(['q'])).queues.get('q')?.waiting, 2)
    const { count, taskIds } = await broker.purge('q')
    assert.equal(count, 2)
    if (taskIds.length > 0) assert.deepEqual([...taskIds].sort(), ['2', '3'])
    assert.equal(await broker.size('q'), 0)
    assert.deepEqual(await Promise.all(held.map((one) => one.ack())), [true, true, true])
    assert.equal(await heldOf(limits, 'one', 'a'), 0)
  })

  it('take: out of turn, whatever its limits', async ({ limits, limited, broker, read }) => {
    if (!broker.take) return
    await limits.define([atOnce('one', 1)])
    await limited('q', ['1', '2', '3'], ['one'])
    const reader = await read(['q'], 10)
    const first = await reader.next()
    const taken = await broker.take('2', 'q')
    assert.deepEqual([taken?.queue, ...idsOf(taken ? [taken] : [])], ['q', '2'])
    assert.equal(await taken?.ack(), true)
    await reader.nothing()
    await first.ack()
    assert.deepEqual(idsOf([await reader.next()]), ['3'])
  })

  it('find and change: by its queue', async ({ limits, limited, broker, read }) => {
    if (!broker.find || !broker.change) return
    await limits.define([atOnce('one', 1)])
    await limited('q', ['1', '2'], ['one'])
    const reader = await read(['q'], 10)
    const first = await reader.next()
    const [held, waiting] = [await broker.find('1', 'q'), await broker.find('2', 'q')]
    assert.deepEqual([held?.place, held?.queue, waiting?.place, waiting?.queue], ['held', 'q', 'waiting', 'q'])
    assert.equal(await broker.change('2', 'q', () => ({ body: '"other"', queue: 'q2' })), true)
    await first.ack()
    await reader.nothing()
    const moved = await (await read(['q2'], 10)).next()
    assert.deepEqual([moved.envelope.body, moved.queue, moved.limited], ['"other"', 'q2', true])
  })
}
