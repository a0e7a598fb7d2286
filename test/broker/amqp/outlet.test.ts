import amqplib, { type ChannelModel, type ConfirmChannel, type GetMessage, type Options } from 'amqplib'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Delivery } from '../../../src/broker/broker.ts'
import { AmqpBroker } from '../../../src/stores/rabbitmq/broker.ts'
import { FrameBatch } from '../../../src/stores/rabbitmq/publish/frameBatch.ts'
import { envelopeOf, toQueue } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { emptyRabbit } from '../../rabbitmq/shared.ts'

let connection: ChannelModel
let channel: ConfirmChannel

beforeAll(async () => {
  connection = await amqplib.connect(await emptyRabbit())
  channel = await connection.createConfirmChannel()
})
afterAll(() => connection.close())

async function emptyQueue(): Promise<string> {
  return (await channel.assertQueue('', { exclusive: true })).queue
}

function write(frames: FrameBatch, queue: string, options: Options.Publish, body: string | Uint8Array): Promise<void> {
  const target = { exchange: '', routingKey: queue, mandatory: true }
  return new Promise((resolve, reject) => {
    frames.write(target, options, body, (error) => (error ? reject(error) : resolve()))
  })
}

async function take(queue: string): Promise<GetMessage> {
  const message = await channel.get(queue, { noAck: true })
  return message || expect.fail(`${queue}: nothing in it`)
}

/** Text that is as long as AMQP allows for short ones, whatever its characters. */
const short = fc.string({ unit: 'grapheme', maxLength: 60 }).filter((text) => Buffer.byteLength(text) < 256)
const optional = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined })
const data = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.constantFrom(-129, -128, 127, 128, -32_769, 32_767, 32_768, 2 ** 31, -(2 ** 31), 2 ** 40),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(short, tie('value'), { maxKeys: 4, noNullPrototype: true }),
  ),
})).value
const headers = fc.dictionary(short, data, { maxKeys: 8, noNullPrototype: true })
const properties = fc.record({
  headers,
  contentType: optional(short),
  contentEncoding: optional(short),
  deliveryMode: fc.constantFrom(1, 2),
  priority: optional(fc.integer({ min: 0, max: 255 })),
  correlationId: optional(short),
  replyTo: optional(short),
  expiration: optional(fc.constant('60000')),
  messageId: short,
})
const bodies = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 2000 }), fc.uint8Array({ maxLength: 2000 }))

describe('FrameBatch', () => {
  test('what it writes arrives as what amqplib writes', async () => {
    const queue = await emptyQueue()
    const frames = new FrameBatch(channel)
    await fc.assert(
      fc.asyncProperty(properties, bodies, async (options, body) => {
        await write(frames, queue, options, body)
        await new Promise((resolve) => channel.sendToQueue(queue, Buffer.from(body as string), options, resolve))
        const [ours, theirs] = [await take(queue), await take(queue)]
        expect(ours.content).toEqual(theirs.content)
        // A table without fields is left out.
        expect({ ...ours.properties, headers: ours.properties.headers ?? {} }).toEqual(theirs.properties)
      }),
      { numRuns: 150 },
    )
  })

  test('short, long and unusual ones: in the order of the calls, each with its own confirmation', async () => {
    const queue = await emptyQueue()
    const frames = new FrameBatch(channel)
    const sizes = [10, 16_000, 20_000, 300_000, 10, 0, 10, 60_000, 5]
    const told: number[] = []
    await Promise.all(
      sizes.map(async (size, at) => {
        await write(frames, queue, { headers: { at, half: at % 2 ? 0.5 : 1 } }, 'x'.repeat(size))
        told.push(at)
      }),
    )
    expect(told.toSorted((a, b) => a - b)).toEqual(sizes.map((_, at) => at))
    const arrived: [unknown, number][] = []
    for (const _ of sizes) {
      const { properties, content } = await take(queue)
      arrived.push([properties.headers?.at, content.length])
    }
    expect(arrived).toEqual(sizes.map((size, at) => [at, size]))
  })

  test('a channel that ends with messages gathered: their confirmations fail, and later ones are refused', async () => {
    const own = await connection.createConfirmChannel()
    const frames = new FrameBatch(own)
    const gathered = write(frames, 'nowhere', {}, 'x')
    const closing = own.close()
    await expect(write(frames, 'nowhere', {}, 'x')).rejects.toThrow('Channel closing')
    await expect(gathered).rejects.toThrow('channel closed')
    await closing
    await expect(write(frames, 'nowhere', {}, 'x')).rejects.toThrow('Channel closed')
    expect((await channel.assertQueue('', { exclusive: true })).messageCount).toBe(0)
  })
})

test('what was taken ahead does not wait for a worker that became slow', async () => {
  const broker = new AmqpBroker(await emptyRabbit())
  try {
    const ids = Array.from({ length: 3000 }, (_, at) => `task-${at}`)
    await Promise.all(ids.map((id) => broker.publish(envelopeOf(id), toQueue('pace'))))
    const held: Delivery[] = []
    const done = new Set<string | undefined>()
    const settle = async (delivery: Delivery): Promise<void> => {
      if (await delivery.ack()) done.add(delivery.envelope.properties.correlationId)
    }
    const fast = await broker.consume([{ name: 'pace' }], { prefetch: 10, name: 'fast' })
    const running = (async () => {
      for await (const delivery of fast) {
        if (done.size < 2000) void settle(delivery)
        else held.push(delivery)
      }
    })()
    await until('the fast one holds all it may', () => held.length === 10)
    const other = await broker.consume([{ name: 'pace' }], { prefetch: 10, name: 'other' })
    const others = (async () => {
      for await (const delivery of other) void settle(delivery)
    })()
    await until('the other gets the rest', () => done.size === 2990)
    expect(held.length).toBe(10)
    await Promise.all([fast.release(), other.release(), running, others])
  } finally {
    await broker.close()
  }
})
