/* Takes what its limits let through of queue `q`, works on each for a moment and acknowledges it. Arguments: URL, lease (ms). */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Delivery } from '../../../src/broker/broker.ts'
import { StandaloneSqliteBroker } from '../../stores/standalone.ts'

/** ms */
const WORK = 40

const [url = '', lease] = process.argv.slice(2)
const broker = new StandaloneSqliteBroker(url, { lease: Number(lease) })
process.once('disconnect', () => broker.close())

async function work(delivery: Delivery): Promise<void> {
  await sleep(Math.random() * WORK)
  await delivery.ack()
}

const consumer = await broker.consume([{ name: 'q' }], { prefetch: 4, name: 'celery@child' })
process.send?.({ ready: true })
for await (const delivery of consumer) void work(delivery)
