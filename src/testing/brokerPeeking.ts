import assert from 'node:assert/strict'
import { LIMITS_HEADER, limitsHeader } from '../protocol/limits.ts'
import type { Case } from './brokerFixture.ts'
import { envelopeOf, toQueue } from './factories.ts'

const idsOf = (found: readonly { readonly headers: Readonly<Record<string, unknown>> }[]): unknown[] =>
  found.map(({ headers }) => headers.id)

/** `Broker.peek`. */
export function peeking(it: Case): void {
  it('peek: the messages that are served next, as they were sent; nothing is changed', async (place) => {
    const { broker, read, send } = place
    if (!broker.peek) return
    assert.deepEqual(await broker.peek('q', 5), [])
    await send('q', ['1', '2', '3'])
    await send('elsewhere', ['0'])
    await broker.publish(envelopeOf('later'), toQueue('q'), { notBefore: Date.now() + 60_000 })
    assert.deepEqual(idsOf(await broker.peek('q', 5)), ['1', '2', '3'])
    assert.deepEqual(idsOf(await broker.peek('q', 2)), ['1', '2'])
    const [first] = await broker.peek('q', 1)
    const sent = envelopeOf('1')
    assert.equal(Buffer.from(first?.body ?? '').toString(), Buffer.from(sent.body).toString())
    assert.equal(first?.properties.contentType, sent.properties.contentType)
    assert.equal(await broker.size('q'), 3)
    const reader = await read(['q'], 1)
    const taken = await reader.next()
    assert.deepEqual([taken.envelope.headers.id, taken.redelivered, taken.lost], ['1', false, 0])
    // Redis takes some ahead of their turn.
    const left = idsOf(await broker.peek('q', 5))
    assert.equal(left.includes('1'), false, 'what is held is not shown')
  })

  it('peek: by priority, then by arrival', async ({ broker }) => {
    if (!broker.peek) return
    const [first, last] = broker.first === 'highest' ? [9, 0] : [0, 9]
    for (const [id, priority] of [
      ['a', last],
      ['b', first],
      ['c', last],
      ['d', first],
    ] as const)
      await broker.publish(envelopeOf(id, { priority }), toQueue('q'))
    assert.deepEqual(idsOf(await broker.peek('q', 3)), ['b', 'd', 'a'])
  })

  it('peek: what waits in lanes comes after it', async ({ broker }) => {
    if (!broker.peek || !broker.limits) return
    const limited = envelopeOf('limited')
    const headers = { ...limited.headers, [LIMITS_HEADER]: limitsHeader([{ rule: 'task:a', key: 'key', count: 1 }]) }
    await broker.publish({ ...limited, headers }, toQueue('q'))
    await broker.publish(envelopeOf('own'), toQueue('q'))
    const found = idsOf(await broker.peek('q', 5))
    assert.deepEqual(found, ['own', 'limited'])
    assert.deepEqual(idsOf(await broker.peek('q', 1)), ['own'])
  })
}
