import assert from 'node:assert/strict'
import type { Case } from '../../brokerFixture.ts'
import { envelopeOf, idsOf, toQueue } from '../../factories.ts'

export function oldest(it: Case): void {
  it('oldest: those that wait for the longest time, of the priority that is served last', async (place) => {
    const { broker, read, send } = place
    if (!broker.oldest) return
    assert.deepEqual(await broker.oldest('q', 2), [])
    await send('elsewhere', ['0'])
    await send('q', ['1', '2', '3'])
    await broker.publish(envelopeOf('later'), toQueue('q'), { notBefore: Date.now() + 60_000 })
    assert.deepEqual(await broker.oldest('q', 2), ['1', '2'])
    assert.equal(await broker.size('q'), 3, 'nothing is changed')
    const other = broker.first === 'highest' ? 0 : 9
    await broker.publish(envelopeOf('first', { priority: 9 - other }), toQueue('p'))
    await broker.publish(envelopeOf('last', { priority: other }), toQueue('p'))
    assert.deepEqual(await broker.oldest('p', 5), ['last'])
    await (await read(['q'], 1)).next()
    assert.deepEqual(await broker.oldest('q', 5), ['2', '3'])
  })
}

export function takingOldest(it: Case): void {
  it('takeOldest: holds those that wait for the longest time, until they are settled', async (place) => {
    const { broker, read, send } = place
    if (!broker.takeOldest) return
    assert.deepEqual(await broker.takeOldest('elsewhere', 2), [])
    await send('elsewhere', ['1', '2', '3'])
    await broker.publish(envelopeOf('later'), toQueue('elsewhere'), { notBefore: Date.now() + 60_000 })
    const taken = await broker.takeOldest('elsewhere', 2)
    assert.deepEqual(
      [idsOf(taken), taken.map(({ queue }) => queue)],
      [
        ['1', '2'],
        ['elsewhere', 'elsewhere'],
      ],
    )
    const others = await broker.takeOldest('elsewhere', 5)
    assert.deepEqual(idsOf(others), ['3'], 'none that is held, and none that is delayed')
    assert.deepEqual(await Promise.all(others.map((one) => one.reject({ requeue: true }))), [true])
    const [first, second] = taken
    assert.deepEqual(
      [await first?.ack(), await second?.reject({ requeue: true }), await first?.ack()],
      [true, true, false],
    )
    const reader = await read(['elsewhere'], 2)
    const again = [await reader.next(), await reader.next()]
    assert.deepEqual(idsOf(again).toSorted(), ['2', '3'])
    assert.ok(again.every(({ redelivered }) => redelivered))
  })

  it('takeOldest: what is no task stays, and two that take at once never get the same', async (place) => {
    const { broker, read, send } = place
    if (!broker.takeOldest) return
    const { headers: _, ...rest } = envelopeOf('none')
    await broker.publish({ ...rest, headers: {} }, toQueue('elsewhere'))
    await send('elsewhere', ['1', '2', '3', '4'])
    const other = await place.other()
    const both = await Promise.all([broker, other].map((one) => one.takeOldest?.('elsewhere', 2)))
    const taken = both.flatMap((some) => some ?? [])
    assert.deepEqual(idsOf(taken).toSorted(), ['1', '2', '3', '4'])
    assert.deepEqual(await Promise.all(taken.map((one) => one.ack())), [true, true, true, true])
    assert.deepEqual(idsOf([await (await read(['elsewhere'], 1)).next()]), ['none'])
  })
}
