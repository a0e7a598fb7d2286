import fc from 'fast-check'
import { expect } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { Envelope } from '../../src/protocol/envelope.ts'
import { isFinal } from '../../src/protocol/states.ts'
import { StoreUnavailableError } from '../../src/std/errors.ts'
import type { Worker } from '../../src/worker/worker.ts'
import { type Lab, until } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { takeDead } from '../deadLetters.ts'

/** A message of a foreign hand, and the ids that somebody may wait for. */
interface Foreign {
  readonly envelope: Envelope
  readonly id: string
}

const TASKS = ['good', 'throws', 'again', 'rejects', 'big', 'of.tomorrow'] as const
const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('celery', 'other', 'py') },
  {
    weight: 1,
    arbitrary: fc.constantFrom('', 'x'.repeat(300), 'ä'.repeat(200), 'amq.own', 'a b*#.c', 'foreign', '\u0000'),
  },
)
/** What JSON can hold, of few levels. */
const anything = fc.jsonValue({ maxDepth: 2 })

const options = fc.record(
  {
    task_id: fc.oneof(fc.uuid(), anything),
    queue: fc.oneof({ weight: 3, arbitrary: name }, { weight: 1, arbitrary: anything }),
    exchange: fc.oneof(fc.constantFrom('', 'celery', 'nowhere', 'amq.direct', 'amq.rabbitmq.trace'), anything),
    routing_key: fc.oneof(name, anything),
    priority: fc.oneof(fc.integer({ min: -1, max: 300 }), fc.double(), anything),
    countdown: fc.oneof(fc.integer({ min: 60, max: 90 }), anything),
    expires: fc.oneof(fc.integer({ min: 60, max: 90 }), anything),
    serializer: fc.constantFrom('json', 'msgpack', 'pickle', null),
    headers: fc.oneof(anything, fc.dictionary(fc.constantFrom('CC', 'BCC', 'x-a', 'id', 'y'.repeat(300)), anything)),
    reply_to: fc.oneof(fc.constantFrom('q', 'r'.repeat(300)), anything),
    time_limit: anything,
    stamped_headers: anything,
    chord: anything,
    chain: anything,
    link: anything,
  },
  { requiredKeys: [] },
)

const signature = fc.record({
  task: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom<string>(...TASKS, 'celery.group') },
    { weight: 1, arbitrary: anything },
  ),
  args: fc.oneof({ weight: 5, arbitrary: fc.constant([1]) }, { weight: 1, arbitrary: anything }),
  kwargs: fc.oneof({ weight: 5, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: anything }),
  options: fc.oneof({ weight: 9, arbitrary: options }, { weight: 1, arbitrary: anything }),
  subtask_type: fc.constantFrom(null, 'chain', 'chord', 'group'),
  immutable: fc.boolean(),
})

const links = fc.oneof(
  { weight: 4, arbitrary: fc.constant(null) },
  { weight: 4, arbitrary: fc.array(signature, { maxLength: 3 }) },
  { weight: 1, arbitrary: anything },
)

const embed = fc.record({
  callbacks: links,
  errbacks: links,
  chain: links,
  chord: fc.oneof(fc.constant(null), signature),
})

const headers = fc.record(
  {
    retries: fc.oneof(fc.nat(3), anything),
    eta: fc.oneof(fc.constantFrom('2020-01-01T00:00:00', 'soon', null), anything),
    expires: fc.oneof(fc.constantFrom('2020-01-01T00:00:00', '2999-01-01T00:00:00', null), anything),
    timelimit: fc.oneof(fc.constantFrom([null, null], [300, 200]), anything),
    root_id: anything,
    parent_id: anything,
    group: anything,
    ignore_result: anything,
    stamps: anything,
    origin: anything,
    'celeriac-webhook': anything,
    'celeriac-context': anything,
    'celeriac-retry': anything,
    'x-odd': fc.oneof(anything, fc.string({ minLength: 2000, maxLength: 4000 })),
  },
  { requiredKeys: [] },
)

const foreign = fc.record({
  id: fc.uuid(),
  task: fc.constantFrom(...TASKS),
  args: fc.oneof({ weight: 5, arbitrary: fc.array(anything, { maxLength: 3 }) }, { weight: 1, arbitrary: anything }),
  embed: fc.oneof({ weight: 8, arbitrary: embed }, { weight: 1, arbitrary: anything }),
  headers,
  priority: fc.oneof(fc.constant(undefined), fc.nat(9)),
  replyTo: fc.constantFrom(undefined, 'reply', 'r'.repeat(200)),
  body: fc.oneof({ weight: 12, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.string() }),
  contentType: fc.oneof(
    { weight: 12, arbitrary: fc.constant('application/json') },
    { weight: 1, arbitrary: fc.constantFrom('application/x-msgpack', 'application/x-python-serialize', 'a/b') },
  ),
})

/** The same messages for the same seed. */
function foreignMessages(seed: number, count: number): Foreign[] {
  return fc.sample(foreign, { seed, numRuns: count }).map((one) => {
    const body = one.body ?? JSON.stringify([one.args, {}, one.embed])
    const properties = {
      contentType: one.contentType,
      contentEncoding: 'utf-8',
      correlationId: one.id,
      priority: one.priority,
      replyTo: one.replyTo,
    }
    const head = { lang: 'py', task: one.task, id: one.id, retries: 0, root_id: one.id, ...plain(one.headers) }
    return { id: one.id, envelope: { headers: head, properties, body } }
  })
}

/** As it comes off a wire: JSON knows no negative zero and no absent value, AMQP no whole number of more than 64 bits. */
function plain<Value>(value: Value): Value {
  const small = (_: string, one: unknown): unknown => (typeof one === 'number' ? one % 2 ** 31 : one)
  return JSON.parse(JSON.stringify(value), small) as Value
}

function define(app: App): void {
  app.task('good', (n: unknown) => n)
  app.task('throws', () => Promise.reject(new RangeError('its own')))
  app.task('again', () => Promise.reject(new Error('once more')), { retry: { max: 1, delay: 1 } })
  app.task('rejects', () => Promise.reject(Object.assign(new Error('no'), { name: 'Odd' })))
  app.task('big', () => 'x'.repeat(100_000))
}

/**
 * Feed foreign messages among good ones, with an outage in between, and ask: is every good task done, is no slot taken, is nothing left without
 * an end, and was nothing ended while the store was away?
 */
export async function feed(lab: Lab, seed: number, count: number): Promise<void> {
  const app = lab.app({ queue: 'celery' })
  define(app)
  const stores = await storesOf(app)
  const settle = stores.unitOfWork.settle.bind(stores.unitOfWork)
  let away = false
  let asked = 0
  stores.unitOfWork.settle = async (settlement) => {
    if (!away) return settle(settlement)
    asked++
    throw new StoreUnavailableError('OOM')
  }
  const worker = await lab.work(app, { concurrency: 10 })
  const messages = foreignMessages(seed, count)
  const good = async (from: number, to: number) =>
    Promise.all(Array.from({ length: to - from }, (_, n) => app.send<number>('good', [from + n])))
  // What the wire cannot carry does not come over it: headers of RabbitMQ know no number above 2^63.
  const sent: Foreign[] = []
  const publish = async (some: readonly Foreign[]): Promise<void> => {
    const send = async (one: Foreign): Promise<void> => {
      await stores.broker.publish(one.envelope, { exchange: '', routingKey: 'celery' })
      sent.push(one)
    }
    await Promise.allSettled(some.map(send))
  }
  const half = Math.floor(count / 2)
  await publish(messages.slice(0, half))
  const first = await good(0, 20)
  away = true
  await until(() => asked > 20)
  const states = await Promise.all(first.map((handle) => handle.state()))
  const ended = states.filter(isFinal).length
  await until(() => asked > 40)
  const later = await Promise.all(first.map((handle) => handle.state()))
  expect(later.filter(isFinal).length, `seed ${seed}: ended while the store was away`).toBe(ended)
  away = false
  await publish(messages.slice(half))
  const second = await good(20, 40)
  const results = await Promise.all([...first, ...second].map((handle) => handle.get({ timeout: '60s' })))
  expect(results, `seed ${seed}`).toEqual(Array.from({ length: 40 }, (_, n) => n))
  await expectQuiet(app, worker, seed)
  expect(sent.length).toBeGreaterThan(count / 2)
  await expectEnds(app, sent, seed)
  expect(await (await app.send('good', ['last'])).get({ timeout: '20s' }), `seed ${seed}`).toBe('last')
}

/** No message waits and no slot is taken. */
async function expectQuiet(app: App, worker: Worker, seed: number): Promise<void> {
  await until(async () => (await app.queueSize()) === 0 && worker.busy === 0).catch(() => {
    throw new Error(`seed ${seed}: ${worker.busy} slots are still taken`)
  })
}

/** Each has a final record, or was kept, or asked for no record. */
async function expectEnds(app: App, messages: readonly Foreign[], seed: number): Promise<void> {
  const { backend } = await storesOf(app)
  const kept = new Set<string>()
  for (let left = await takeDead(app); left.length > 0; left = await takeDead(app))
    for (const { headers } of left) kept.add(String(headers.id))
  const metas = await backend.load(messages.map(({ id }) => id))
  const endless = messages.filter(({ id, envelope }, at) => {
    const meta = metas[at]
    if (meta && isFinal(meta.status)) return false
    return !kept.has(id) && envelope.headers.ignore_result !== true
  })
  expect(endless, `seed ${seed}: without an end`).toEqual([])
}
