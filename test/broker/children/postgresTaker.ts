import { StandalonePostgresBroker } from '../../postgres/standalone.ts'

/* Takes one message of a queue and keeps it: URL, queue, lease in ms. */
const [url = '', queue = '', lease = '1000'] = process.argv.slice(2)
const broker = new StandalonePostgresBroker(url, { lease: Number(lease) })
const consumer = await broker.consume([{ name: queue }], { prefetch: 1, name: 'celery@taker' })
for await (const delivery of consumer) process.send?.({ took: delivery.envelope.headers.id })
