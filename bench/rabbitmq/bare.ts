/*
 * The entry of one child process that works with amqplib and nothing else: the best bare loop that we know. Its messages are those of a
 * Celery task without arguments, as celeriac sends them, the same one each time; or, with `plain`, as many bytes without headers.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import amqplib, { type Channel, type Options } from 'amqplib'
import { roundTripsOf } from '../calls.ts'
import { type Cost, stopwatch } from '../embedded/stopwatch.ts'
import type { Ask, Drain, Enqueue, Order } from '../redis/order.ts'

const QUEUE = 'bench'
/** Of 100, 200 and 400 the fastest. */
const PREFETCH = 400
const ID = '01987c2a-5b1e-7d3f-9a4c-0123456789ab'
const TASK = {
  headers: {
    lang: 'py',
    task: 'bench.noop',
    id: ID,
    shadow: null,
    eta: null,
    expires: null,
    group: null,
    group_index: null,
    retries: 0,
    timelimit: [null, null],
    root_id: ID,
    parent_id: null,
    argsrepr: '()',
    kwargsrepr: '{}',
    origin: 'gen12345@localhost',
    ignore_result: false,
    replaced_task_nesting: 0,
    stamped_headers: null,
    stamps: {},
  },
  contentType: 'application/json',
  contentEncoding: 'utf-8',
  deliveryMode: 2,
  correlationId: ID,
  replyTo: ID,
}
const CALL = Buffer.from('[[],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]')

const order = JSON.parse(process.argv[2] ?? '') as Order & { readonly plain: boolean }
const MESSAGE: Options.Publish = order.plain ? { persistent: true } : TASK
const BODY = order.plain ? Buffer.alloc(600, 0x61) : CALL

/** Confirmed, so many under way at once. */
async function publish(count: number, inFlight: number): Promise<void> {
  const channel = await connection.createConfirmChannel()
  await channel.assertQueue(QUEUE, { durable: true })
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  let sent = 0
  let confirmed = 0
  const next = (): void => {
    sent++
    channel.publish('', QUEUE, BODY, MESSAGE, (error: unknown) => {
      if (error) reject(error)
      else if (++confirmed === count) resolve()
      else if (sent < count) next()
    })
  }
  for (let index = 0; index < inFlight && sent < count; index++) next()
  await promise
  await channel.close()
}

async function enqueue({ tasks, inFlight }: Enqueue): Promise<Cost> {
  await publish(1, 1)
  const stop = stopwatch()
  await publish(tasks, inFlight)
  return stop(tasks)
}

/** Those of one turn are acknowledged in one go; done when the server has read the last acknowledgement. */
async function drain({ tasks, warmup }: Drain): Promise<Cost> {
  const channel = await connection.createChannel()
  await channel.prefetch(PREFETCH)
  const { promise, resolve } = Promise.withResolvers<void>()
  let seen = -warmup
  let stop = stopwatch()
  let last: Parameters<Channel['ack']>[0] | undefined
  const acknowledge = (): void => {
    if (last) channel.ack(last, true)
    last = undefined
    if (seen === tasks) resolve()
  }
  await channel.consume(QUEUE, (message) => {
    if (!message) return
    if (!last) setImmediate(acknowledge)
    last = message
    if (++seen === 0) stop = stopwatch()
  })
  await promise
  await channel.prefetch(PREFETCH)
  return stop(tasks)
}

/** Answers each message to the queue that it names. */
async function work(say: (message: unknown) => void): Promise<void> {
  const channel = await connection.createChannel()
  await channel.assertQueue(QUEUE, { durable: true })
  await channel.consume(QUEUE, (message) => {
    if (!message) return
    channel.publish('', String(message.properties.replyTo), BODY, MESSAGE)
    channel.ack(message)
  })
  const gone = once(process, 'disconnect')
  say('ready')
  await gone
}

async function ask(order: Ask): Promise<number[]> {
  const channel = await connection.createConfirmChannel()
  const { queue: replyTo } = await channel.assertQueue('', { exclusive: true })
  let answered = Promise.withResolvers<void>()
  await channel.consume(replyTo, () => answered.resolve(), { noAck: true })
  const call = async (): Promise<void> => {
    answered = Promise.withResolvers()
    channel.publish('', QUEUE, BODY, { ...MESSAGE, replyTo })
    await answered.promise
  }
  return roundTripsOf(call, order)
}

function version(): string {
  const file = new URL('package.json', import.meta.resolve('amqplib'))
  return `amqplib ${(JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version}`
}

const say = (message: unknown): void => void process.send?.(message)
// One small message at a time must not wait for more; many go out faster where they may.
const noDelay = order.role === 'worker' || order.role === 'ask'
const connection = await amqplib.connect(order.url, { noDelay })
if (order.role === 'version') say(version())
else if (order.role === 'enqueue') say(await enqueue(order))
else if (order.role === 'fill') say(await publish(order.tasks, 1000).then(() => 'filled'))
else if (order.role === 'drain') say(await drain(order))
else if (order.role === 'ask') say(await ask(order))
else await work(say)
await connection.close()
if (process.connected) process.disconnect()
