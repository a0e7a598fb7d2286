/*
 * The entry of one child process that works with amqplib and nothing else: the best bare loop that we know. Its messages are those of a
 * Celery task, as celeriac sends them; or, with `plain`, 600 bytes without headers.
 */
import amqplib, { type Channel, type ConsumeMessage, type Options } from 'amqplib'
import type { Order } from '../harness/order.ts'
import type { Pace } from './pace.ts'
import { type Roles, runProgram } from './program.ts'
import { bodyOf, headersOf, idOf } from './taskBytes.ts'

const QUEUE = 'bench'
/** Of 100, 200 and 400 the fastest. */
const PREFETCH = 400
const IN_FLIGHT = 1000
const PLAIN_BYTES = 600

type Message = readonly [body: Buffer, options: Options.Publish]
type Run = (task: number) => void

function messageOf(task: number, plain: boolean, replyTo?: string): Message {
  const id = idOf(task)
  if (plain) return [Buffer.from(String(task).padEnd(PLAIN_BYTES)), { persistent: true, replyTo }]
  const options = {
    headers: headersOf(task),
    contentType: 'application/json',
    contentEncoding: 'utf-8',
    deliveryMode: 2,
    correlationId: id,
    replyTo: replyTo ?? id,
  }
  return [Buffer.from(bodyOf(task)), options]
}

/** Both kinds of body begin with the number, after brackets. */
function taskIn({ content }: ConsumeMessage): number {
  return Number.parseInt(content.toString('latin1', 0, 16).replace(/^\[+/, ''), 10)
}

await runProgram(async (order: Order): Promise<Roles> => {
  const { plain = false } = order as { readonly plain?: boolean }
  // One small message at a time must not wait for more; many go out faster where they may.
  const noDelay = order.role === 'work' || order.role === 'ask'
  const connection = await amqplib.connect(order.url, { noDelay })

  /** Confirmed, so many under way at once, as long as there is a next one. */
  async function publish(next: () => number | undefined, confirmed: () => void, inFlight: number): Promise<void> {
    const channel = await connection.createConfirmChannel()
    await channel.assertQueue(QUEUE, { durable: true })
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    let open = 0
    const send = (): boolean => {
      const task = next()
      if (task === undefined) return false
      open++
      channel.publish('', QUEUE, ...messageOf(task, plain), (error: unknown) => {
        open--
        confirmed()
        if (error) reject(error)
        else if (!send() && open === 0) resolve()
      })
      return true
    }
    for (let index = 0; index < inFlight && send(); index++);
    await promise
    await channel.close()
  }

  async function fill(tasks: number): Promise<void> {
    let task = 0
    await publish(
      () => (task < tasks ? task++ : undefined),
      () => undefined,
      IN_FLIGHT,
    )
  }

  const ask = order.role === 'ask' ? await asker(await connection.createConfirmChannel(), plain) : undefined
  return {
    fill,
    enqueue: (pace: Pace, inFlight) =>
      publish(
        () => pace.take(),
        () => pace.done(),
        inFlight,
      ),
    ...(ask && { ask }),
    work: async (run, done) => {
      const channel = await connection.createChannel()
      await channel.assertQueue(QUEUE, { durable: true })
      return order.role === 'drain' ? drain(channel, run, done) : answer(channel, plain, run)
    },
    close: () => connection.close(),
  }
})

/** The messages of one turn are acknowledged in one go. */
async function drain(channel: Channel, run: Run, done: (count: number) => void): Promise<{ stop(): Promise<unknown> }> {
  await channel.prefetch(PREFETCH)
  let last: ConsumeMessage | undefined
  let count = 0
  const acknowledge = (): void => {
    if (last) channel.ack(last, true)
    last = undefined
    const settled = count
    count = 0
    done(settled)
  }
  await channel.consume(QUEUE, (message) => {
    if (!message) return
    if (!last) setImmediate(acknowledge)
    last = message
    count++
    run(taskIn(message))
  })
  // The answer to `prefetch` comes when the server has read the last acknowledgement.
  return { stop: () => channel.prefetch(PREFETCH) as unknown as Promise<unknown> }
}

/** Answers each message to the queue that it names. */
async function answer(channel: Channel, plain: boolean, run: Run): Promise<{ stop(): Promise<unknown> }> {
  await channel.consume(QUEUE, (message) => {
    if (!message) return
    const task = taskIn(message)
    run(task)
    const [body, options] = messageOf(task, plain)
    channel.publish('', String(message.properties.replyTo), body, options)
    channel.ack(message)
  })
  return { stop: () => channel.prefetch(PREFETCH) as unknown as Promise<unknown> }
}

async function asker(channel: Channel, plain: boolean): Promise<(task: number) => Promise<void>> {
  await channel.assertQueue(QUEUE, { durable: true })
  const { queue: replyTo } = await channel.assertQueue('', { exclusive: true })
  let answered = Promise.withResolvers<void>()
  await channel.consume(replyTo, () => answered.resolve(), { noAck: true })
  return async (task) => {
    answered = Promise.withResolvers()
    const [body, options] = messageOf(task, plain, replyTo)
    channel.publish('', QUEUE, body, options)
    await answered.promise
  }
}
