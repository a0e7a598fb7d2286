import { expect, onTestFinished, test } from 'vitest'
import { LimitedBroker } from '../../src/stores/limited/broker.ts'
import { MemoryBroker } from '../../src/stores/memory/broker.ts'
import { envelopeOf, idsOf, toQueue } from '../../src/testing/factories.ts'
import { atOnce, heldOf, sendLimited } from '../../src/testing/limitFixture.ts'
import { Reader } from '../../src/testing/reader.ts'

function open(): LimitedBroker {
  const [messages, lanes] = [new MemoryBroker(), new MemoryBroker()]
  onTestFinished(async () => {
    await messages.close()
    await lanes.close()
  })
  return new LimitedBroker(messages, lanes)
}

async function reader(broker: LimitedBroker, prefetch: number): Promise<Reader> {
  const consumer = await broker.consume([{ name: 'q' }], { prefetch, name: 'celery@test' })
  onTestFinished(() => consumer.release())
  return new Reader(consumer)
}

test('one that waits behind a long run is put back with its permit, and another worker takes it', async () => {
  const broker = open()
  await broker.limits.define([atOnce('one', 1)])
  const busy = await reader(broker, 1)
  await broker.publish(envelopeOf('long'), toQueue('q'))
  const long = await busy.next()
  await sendLimited(broker, 'q', 'limited', ['one'])
  await broker.publish(envelopeOf('free'), toQueue('q'))
  const others = await reader(broker, 5)
  const taken = await others.take(2)
  expect(idsOf(taken).sort()).toEqual(['free', 'limited'])
  expect(taken.map(({ lost }) => lost)).toEqual([0, 0])
  await Promise.all(taken.map((delivery) => delivery.ack()))
  expect(await heldOf(broker.limits, 'one')).toBe(0)
  // With room again it takes from both.
  await long.ack()
  await sendLimited(broker, 'q', 'limited 2', ['one'])
  await broker.publish(envelopeOf('free 2'), toQueue('q'))
  const more = [await Promise.race([busy.next(), others.next()]), await Promise.race([busy.next(), others.next()])]
  expect(idsOf(more).sort()).toEqual(['free 2', 'limited 2'])
})

test('both are served in turns, with one slot, and no more is delivered than there are slots', async () => {
  const broker = open()
  for (let at = 0; at < 6; at++) {
    await sendLimited(broker, 'q', `limited ${at}`, ['none'])
    await broker.publish(envelopeOf(`free ${at}`), toQueue('q'))
  }
  const read = await reader(broker, 1)
  const kinds: (string | undefined)[] = []
  for (let at = 0; at < 12; at++) {
    const delivery = await read.next()
    if (at === 3) await read.nothing()
    kinds.push(idsOf([delivery])[0]?.split(' ')[0])
    await delivery.ack()
  }
  expect(kinds.slice(0, 8).sort()).toEqual([...Array(4).fill('free'), ...Array(4).fill('limited')])
  expect(kinds).toHaveLength(12)
})
