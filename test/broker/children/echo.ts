/* Sends each message of queue `ping` back to queue `pong`. Argument: URL. */
import { toQueue } from '../../../src/testing/factories.ts'
import { StandaloneSqliteBroker } from '../../stores/standalone.ts'

const broker = new StandaloneSqliteBroker(process.argv[2] ?? '', { lease: 30_000 })
process.once('disconnect', () => broker.close())
const consumer = await broker.consume([{ name: 'ping' }], { prefetch: 1, name: 'celery@echo' })
process.send?.({ ready: true })
for await (const delivery of consumer) {
  await Promise.all([broker.publish(delivery.envelope, toQueue('pong')), delivery.ack()])
}
