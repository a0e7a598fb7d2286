import amqplib, { type Channel } from 'amqplib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ConfigError, EncodeError, StoreUnavailableError } from '../../../src/std/errors.ts'
import { AmqpBroker } from '../../../src/stores/rabbitmq/broker.ts'
import { envelopeOf, idsOf, toQueue } from '../../../src/testing/factories.ts'
import { pause, until } from '../../../src/testing/kit.ts'
import { RabbitHost, rabbitCtl } from '../../rabbitmq/shared.ts'
import { block, eventually } from '../../wait.ts'
import { AmqpScene, read } from './scene.ts'

const scene = new AmqpScene(RabbitHost.open)

/** A channel of somebody else. */
async function stranger(url: string = scene.server.url()): Promise<Channel> {
  const connection = await amqplib.connect(url)
  onTestFinished(() => connection.close())
  const channel = await connection.createChannel()
  channel.on('error', () => undefined)
  return channel
}

describe('a consumer that cannot begin', () => {
  test('rejects, and takes nothing later either', async () => {
    const other = await stranger()
    await other.assertQueue('exclusive', { durable: true })
    await other.consume('exclusive', () => undefined, { exclusive: true, consumerTag: 'first' })
    const refused = read(scene.open(), 'exclusive')
    await expect(refused).rejects.toThrow(/exclusive use/)
    await expect(refused).rejects.toBeInstanceOf(StoreUnavailableError)
    await other.cancel('first')
    await pause(1000)
    expect(await other.checkQueue('exclusive')).toMatchObject({ consumerCount: 0 })
  })

  test('a quorum queue that it was told nothing of: it begins once, and ends wholly', async () => {
    const theirs = scene.open({ queues: { once: { type: 'quorum' } } })
    await theirs.publish(envelopeOf('1'), toQueue('once'))
    const { consumer, reader } = await read(scene.open(), 'once')
    await (await reader.next()).ack()
    const other = await stranger()
    await pause(300)
    expect(await other.checkQueue('once')).toMatchObject({ consumerCount: 1 })
    await consumer.release()
    expect(await other.checkQueue('once')).toMatchObject({ consumerCount: 0 })
  })
})

describe('what came back is being copied', () => {
  const COUNT = 200

  /** Messages that somebody held who died. */
  async function orphans(url: string, queue: string): Promise<Channel> {
    const broker = new AmqpBroker(url)
    const ids = Array.from({ length: COUNT }, (_, at) => `${at}`)
    await Promise.all(ids.map((id) => broker.publish(envelopeOf(id), toQueue(queue))))
    await broker.close()
    const dying = await amqplib.connect(url)
    const channel = await dying.createChannel()
    let held = 0
    await channel.consume(queue, () => {
      held++
    })
    await until('all are held', () => held === COUNT)
    await dying.close()
    const other = await stranger(url)
    await until('all are back', async () => (await other.checkQueue(queue)).messageCount === COUNT)
    return other
  }

  test('and the consumer is released in that moment: each message is there once', async () => {
    for (const [at, ms] of [3, 15, 30].entries()) {
      const queue = `stopped-${at}`
      const other = await orphans(scene.server.url(), queue)
      const broker = new AmqpBroker(scene.server.url())
      // Its connection is open.
      await broker.consume([{ name: 'warm' }], { prefetch: 1, name: 'celery@test' })
      await broker.consume([{ name: queue }], { prefetch: COUNT, name: 'celery@test' })
      await pause(ms)
      await broker.close()
      // By then a copy that nobody took is back, too.
      await pause(1300)
      expect((await other.checkQueue(queue)).messageCount).toBe(COUNT)
      const { reader } = await read(scene.open(), queue, COUNT)
      expect(new Set((await reader.take(COUNT)).map(({ lost }) => lost))).toEqual(new Set([0]))
    }
  })

  test('and the connection ends: nothing is lost, and the consumer goes on', async () => {
    for (const [at, ms] of [0, 5, 10, 20].entries()) {
      const queue = `cut-${at}`
      await orphans(scene.server.url(), queue)
      const { proxy, url } = await scene.proxy()
      const { consumer, reader } = await read(scene.open({}, url), queue, COUNT)
      await pause(ms)
      proxy.reset()
      const ids = new Set<string | undefined>()
      while (ids.size < COUNT) {
        const delivery = await reader.next()
        ids.add(idsOf([delivery])[0])
        await delivery.ack()
      }
      expect(consumer.problem).toBeUndefined()
    }
  })
})

test('a queue that was made anew by another with other arguments: said while it is so, and not after', async () => {
  const broker = scene.open({ queues: { swapped: { maxPriority: 5 } } })
  const { consumer, reader } = await read(broker, 'swapped')
  const swap = async (): Promise<boolean> => {
    const other = await stranger()
    // One that has declared it and is about to consume would find the other's queue, and take from it.
    await until('it consumes', async () => (await other.checkQueue('swapped')).consumerCount === 1)
    const both = [other.deleteQueue('swapped'), other.assertQueue('swapped', { durable: true })]
    const [, made] = await Promise.allSettled(both)
    return made?.status === 'fulfilled'
  }
  await until('the other is first', swap)
  await eventually(
    async () => String(consumer.problem),
    (said) => said.startsWith('ConfigError'),
  )
  await (await stranger()).deleteQueue('swapped')
  await until('it is over', () => consumer.problem === undefined)
  await broker.publish(envelopeOf('1'), toQueue('swapped'))
  expect(idsOf([await reader.next()])).toEqual(['1'])
})

test.each([
  ['quorum', undefined],
  [undefined, 'quorum'],
] as const)(
  'a queue known as %s by the first who delays, as %s by the second: both may',
  async (first, second) => {
    const queue = `delayed-by-${first}`
    const open = (type: 'quorum' | undefined) => scene.open(type ? { queues: { [queue]: { type } } } : {})
    const brokers = [open(first), open(second)]
    await open('quorum').publish(envelopeOf('0'), toQueue(queue))
    for (const [at, broker] of brokers.entries())
      await broker.publish(envelopeOf(`${at + 1}`), toQueue(queue), { notBefore: Date.now() + 100 })
    const { reader } = await read(open('quorum'), queue)
    expect(idsOf(await reader.take(3)).sort()).toEqual(['0', '1', '2'])
  },
  20_000,
)

test('a user who may not make a queue: a ConfigError, in the words of the server', async () => {
  await rabbitCtl('add_user', 'weak', 'secret')
  await scene.server.ctl('set_permissions', 'weak', '^$', '.*', '.*')
  const broker = scene.open({}, scene.server.url().replace('guest:guest', 'weak:secret'))
  for (const refused of [broker.publish(envelopeOf('1'), toQueue('forbidden')), read(broker, 'forbidden')]) {
    await expect(refused).rejects.toBeInstanceOf(ConfigError)
    await expect(refused).rejects.toThrow(/permission.*access to queue 'forbidden'.*refused for user 'weak'/)
  }
  await scene.open().publish(envelopeOf('1'), toQueue('forbidden'))
  await broker.publish(envelopeOf('2'), toQueue('forbidden'))
  expect(await broker.size('forbidden')).toBe(2)
})

test('what cannot be written is an error of the caller, and nothing of it stays', async () => {
  const broker = scene.open()
  const long = { ...envelopeOf('1'), headers: { long: 'x'.repeat(100_000) } }
  await expect(broker.publish(long, toQueue('fits'))).rejects.toBeInstanceOf(EncodeError)
  const none = { ...envelopeOf('1'), headers: { none: Number.NaN } }
  await expect(broker.publish(none, toQueue('fits'))).rejects.toBeInstanceOf(EncodeError)
  await expect(broker.publish(envelopeOf('1'), toQueue('q'.repeat(300)))).rejects.toBeInstanceOf(TypeError)
  await broker.publish(envelopeOf('2'), toQueue('fits'))
  expect(await broker.size('fits')).toBe(1)
})

test('an event loop that is blocked for longer than a confirmation may take: no call fails of it', async () => {
  const broker = scene.open({ storeTimeout: 1000 })
  await broker.publish(envelopeOf('1'), toQueue('blocked'))
  const sent = ['2', '3'].map((id) => broker.publish(envelopeOf(id), toQueue('blocked')))
  // They have left; their confirmations are there when all goes on, and not read yet.
  await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)))
  block(2500)
  await Promise.all(sent)
  expect(await broker.size('blocked')).toBe(3)
})
