/* Submits, works and reads at once for a while, until it has submitted something at least, then works until its parent asks it to end. Arguments: URL, name,
 * time (ms; 0: until its parent asks), and `expand` for a process of a later version of the tables. */
import { envelopeOf, metaOf, toQueue } from '../../../src/testing/factories.ts'
import { pause } from '../../../src/testing/kit.ts'
import { openSqliteParts } from '../../stores/standalone.ts'
import { EXPAND } from '../sqlite/steps.ts'

const [url = '', name = '', time, expand] = process.argv.slice(2)
// All at once: opening the new file together is part of it.
process.send?.({ loaded: true })
await new Promise((resolve) => process.once('message', resolve))
let end = performance.now() + (Number(time) || Number.POSITIVE_INFINITY)
if (Number(time) === 0) {
  process.once('message', () => {
    end = 0
  })
}
const options = { lease: 30_000, expires: 600_000, serializer: 'json', accept: ['json'] } as const
const { broker, backend, unitOfWork, close } = openSqliteParts(url, options, expand === 'expand' ? EXPAND : undefined)
const sent: string[] = []
const done: string[] = []
let reads = 0

async function submit(): Promise<void> {
  // A machine that stands still for the whole time is no proof that the lock starves a process.
  while (performance.now() < end || sent.length === 0) {
    const id = `${name}-${sent.length}`
    sent.push(id)
    const message = { envelope: envelopeOf(id), route: toQueue('q') }
    await unitOfWork.submit({ message, meta: metaOf(id, 'PENDING') })
    await pause(1)
  }
}

async function read(): Promise<void> {
  while (performance.now() < end) {
    await broker.size('q')
    await backend.load(sent.slice(-10))
    await backend.jobs.list({ limit: 10 })
    await backend.revoked.all()
    reads += 4
    await pause(1)
  }
}

async function watch(): Promise<void> {
  while (performance.now() < end) {
    const last = sent.at(-1)
    if (last) for await (const meta of backend.watch([last], AbortSignal.timeout(20_000))) if (!meta) return
    await pause(1)
  }
}

async function work(): Promise<void> {
  for await (const delivery of consumer) {
    const id = delivery.envelope.properties.correlationId ?? ''
    const settled = await unitOfWork.settle({ delivery, meta: metaOf(id, 'SUCCESS', { result: name }), end: 'ack' })
    if (settled) done.push(id)
  }
}

const consumer = await broker.consume([{ name: 'q' }], { prefetch: 10, name })
const working = work()
await Promise.all([submit(), submit(), submit(), read(), watch()])
process.send?.({ sent: sent.length, reads })
await new Promise((resolve) => process.once('message', resolve))
await consumer.release()
await working
await close()
process.send?.({ done }, () => process.disconnect())
