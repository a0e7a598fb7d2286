/* Takes what is in queue `q`, and settles it when told so. Arguments: URL, lease (ms), prefetch. */
import type { Settlement } from '../../../src/backend/unitOfWork.ts'
import type { Delivery } from '../../../src/broker/broker.ts'
import { ackAll, metaOf } from '../../../src/testing/factories.ts'
import { openSqliteParts } from '../../stores/standalone.ts'
import { block } from '../../wait.ts'

type Command = { readonly settle: string } | { readonly block: number }

const [url = '', lease, prefetch] = process.argv.slice(2)
const { broker, unitOfWork, close } = openSqliteParts(url, {
  lease: Number(lease),
  expires: 60_000,
  serializer: 'json',
  accept: ['json'],
})
const held: Delivery[] = []
const say = (message: Record<string, unknown>): boolean | undefined => process.send?.(message)

async function settle(result: string): Promise<void> {
  const ours = held.splice(0).map((delivery) => {
    const meta = metaOf(delivery.envelope.properties.correlationId ?? '', 'SUCCESS', { result })
    return unitOfWork.settle({ delivery, meta, end: 'ack' } satisfies Settlement)
  })
  say({ settled: await Promise.all(ours) })
}

process.on('message', async (command: Command) => {
  if ('block' in command) {
    block(command.block)
    say({ blocked: command.block })
    return
  }
  await settle(command.settle)
})
process.once('disconnect', () => close())

const news = await broker.consume(
  [{ name: `news.${process.pid}`, bindings: [{ exchange: 'news', kind: 'fanout' }], transient: true }],
  {
    prefetch: 10,
    name: 'celery@child',
  },
)
void ackAll(news, (id) => say({ [id]: true }))
const consumer = await broker.consume([{ name: 'q' }], { prefetch: Number(prefetch), name: 'celery@child' })
say({ ready: true })
for await (const delivery of consumer) {
  held.push(delivery)
  say({ [`held ${delivery.envelope.properties.correlationId}`]: true })
}
