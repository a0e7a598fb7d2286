import assert from 'node:assert/strict'
import type { Case } from '../brokerFixture.ts'
import { envelopeOf, idsOf, toQueue } from '../factories.ts'
import { WAIT_TIMEOUT_MS, within } from '../kit.ts'

/** The part of `brokerSuite` on messages that are not to be delivered yet. */
export function delays(it: Case): void {
  it('notBefore: not a moment earlier, and soon after', async ({ broker, read }) => {
    const waits = [90, 150, 210, 270, 330]
    // What a store has to make for the first delays of such a length takes its time once.
    for (const wait of waits) await broker.publish(envelopeOf('first'), toQueue('q'), { notBefore: Date.now() + wait })
    await broker.purge('q')
    const reader = await read(['q'], 10)
    const start = Date.now()
    const due = waits.map((wait) => start + wait)
    for (const at of [...due].reverse()) {
      await broker.publish(envelopeOf(String(at)), toQueue('q'), { notBefore: at })
    }
    const late: number[] = []
    while (late.length < due.length) {
      const [id] = idsOf([await reader.next()])
      late.push(Date.now() - Number(id))
    }
    late.sort((a, b) => a - b)
    assert.ok((late[0] ?? 0) >= 0, `came ${late[0]} ms after its time`)
    // Two of five: a busy machine may hold up the others, and one may be in time by chance.
    assert.ok((late[1] ?? 0) < 50, `came ${late.join(', ')} ms after their time`)
  })

  it('notBefore in the past: at once', async ({ broker, read }) => {
    await broker.publish(envelopeOf('1'), toQueue('q'), { notBefore: Date.now() - 60_000 })
    assert.equal(await broker.size('q'), 1)
    assert.deepEqual(idsOf([await (await read(['q'], 1)).next()]), ['1'])
  })

  it('notBefore: an earlier one that comes later is not overlooked', async ({ broker, other, read }) => {
    const reader = await read(['q'], 10)
    const start = Date.now()
    await broker.publish(envelopeOf('hours'), toQueue('q'), { notBefore: start + 3_600_000 })
    await broker.publish(envelopeOf('years'), toQueue('q'), { notBefore: start + 1e11 })
    await reader.nothing()
    await (await other()).publish(envelopeOf('soon'), toQueue('q'), { notBefore: Date.now() + 50 })
    assert.deepEqual(idsOf([await reader.next()]), ['soon'])
    await reader.nothing()
  })

  it('notBefore: is kept while there is no consumer', async ({ broker, read }) => {
    // Far enough for a store that is slow to take it.
    const due = Date.now() + 1000
    await broker.publish(envelopeOf('1'), toQueue('q'), { notBefore: due })
    assert.equal(await broker.size('q'), 0)
    const [id] = idsOf([await (await read(['q'], 1)).next()])
    assert.equal(id, '1')
    assert.ok(Date.now() >= due)
  })
  underLoad(it)
}

function underLoad(it: Case): void {
  it('notBefore: a consumer that is never idle takes it in its turn too', async ({ broker, read, send }) => {
    await send('q', ['b0', 'b1'])
    const reader = await read(['q'], 1)
    const priority = broker.first === 'highest' ? 9 : 0
    await broker.publish(envelopeOf('due', { priority }), toQueue('q'), { notBefore: Date.now() + 60 })
    const serve = async (): Promise<void> => {
      for (let count = 2; ; count++) {
        const delivery = await reader.next()
        if (delivery.envelope.properties.correlationId === 'due') return
        await send('q', [`b${count}`])
        await delivery.ack()
      }
    }
    await within('the delayed message', serve(), WAIT_TIMEOUT_MS)
  })
}
