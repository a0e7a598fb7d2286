/*
 * Takes messages, says so, notes each in the list `begun`, and settles it after a while, noted in `done`. Arguments: URL,
 * lease (ms), prefetch, how long each takes (ms), and the queue.
 */
import { StandaloneRedisBroker } from '../../stores/standalone.ts'

const [url = '', lease, prefetch, duration, queue = 'q'] = process.argv.slice(2)
const broker = new StandaloneRedisBroker(url, { lease: Number(lease), visibilityTimeout: 3_600_000 })
process.once('disconnect', () => process.exit())

const consumer = await broker.consume([{ name: queue }], { prefetch: Number(prefetch), name: 'celery@child', ahead: 0 })
process.send?.({ ready: true })
for await (const delivery of consumer) {
  const id = String(delivery.envelope.properties.correlationId)
  process.send?.({ [`held ${id}`]: true })
  await broker.connection.command('RPUSH', 'begun', id)
  setTimeout(() => void end(delivery, id), Number(duration))
}

async function end(delivery: { ack(): Promise<boolean> }, id: string): Promise<void> {
  if (await delivery.ack()) await broker.connection.command('RPUSH', 'done', id)
}
