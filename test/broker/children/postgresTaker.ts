/*
 * Takes messages of a queue: URL, queue, lease (ms), and after how many ms each is settled. Without the last it keeps
 * the first one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { StandalonePostgresBroker } from '../../postgres/standalone.ts'

const [url = '', queue = '', lease = '1000', work] = process.argv.slice(2)
const broker = new StandalonePostgresBroker(url, { lease: Number(lease) })
const prefetch = work === undefined ? 1 : 10
const consumer = await broker.consume([{ name: queue }], { prefetch, name: 'celery@taker' })
for await (const delivery of consumer) {
  process.send?.({ took: delivery.envelope.headers.id })
  if (work !== undefined) void sleep(Number(work)).then(() => delivery.ack())
}
