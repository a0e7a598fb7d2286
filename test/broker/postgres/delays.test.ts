import { expect, onTestFinished, test } from 'vitest'
import type { Envelope } from '../../../src/protocol/envelope.ts'
import { emptyPostgres } from '../../postgres/shared.ts'
import { StandalonePostgresBroker } from '../../postgres/standalone.ts'

const envelope = (name: string): Envelope => ({
  headers: { id: name, task: 'task' },
  properties: { contentType: 'application/json', contentEncoding: 'utf-8' },
  body: '[[], {}, {}]',
})

test('one that may be taken now and a delayed one, of one write: an idle consumer takes each in its time', async () => {
  const broker = new StandalonePostgresBroker(await emptyPostgres(), { lease: 30_000 })
  onTestFinished(() => broker.close())
  const consumer = (await broker.consume([{ name: 'q' }], { name: 'one', prefetch: 5 }))[Symbol.asyncIterator]()
  const route = { exchange: '', routingKey: 'q' }
  const begun = performance.now()
  await Promise.all([
    broker.publish(envelope('later'), route, { notBefore: Date.now() + 300 }),
    broker.publish(envelope('now'), route),
  ])
  const ids = [await consumer.next(), await consumer.next()].map(({ value }) => value.envelope.headers.id)
  expect(ids).toEqual(['now', 'later'])
  // Before the next look without a notification.
  expect(performance.now() - begun).toBeLessThan(6000)
})
