import { describe, expect, test } from 'vitest'
import type { Queue } from '../../../src/broker/broker.ts'
import { ConfigError, StoreUnavailableError } from '../../../src/std/errors.ts'
import { envelopeOf, idsOf, toQueue } from '../../../src/testing/factories.ts'
import { pause, until, within } from '../../../src/testing/kit.ts'
import { RabbitServer } from '../../rabbitmq/server.ts'
import { freePort } from '../../redis/server.ts'
import { inFull, isFull } from '../../tier.ts'
import { AmqpScene, read } from './scene.ts'

const scene = new AmqpScene(() => RabbitServer.start())

function failure(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    (value) => expect.fail(`resolved: ${value}`),
    (error: Error) => error,
  )
}

describe('away', () => {
  test('no server: waits for as long as told, then says why; the password does not show', async () => {
    const port = await freePort()
    const broker = scene.open({ storeTimeout: 300 }, `amqp://guest:s3cret@127.0.0.1:${port}/`)
    const error = await failure(broker.publish(envelopeOf('1'), toQueue('away')))
    expect(error).toBeInstanceOf(StoreUnavailableError)
    expect(error.message).toMatch(/not connected for 300 ms: .*ECONNREFUSED/)
    expect(error.message + broker.url).not.toContain('s3cret')
    expect(await failure(broker.size('away'))).toBeInstanceOf(StoreUnavailableError)
  })

  test('a failover list: the next address is tried', async () => {
    const port = await freePort()
    const broker = scene.open({}, `amqp://guest:guest@127.0.0.1:${port}/;${scene.server.url()}`)
    await broker.publish(envelopeOf('1'), toQueue('failover'))
    expect(await broker.size('failover')).toBe(1)
  })

  test('a wrong password is said', async () => {
    const broker = scene.open({ storeTimeout: 300 }, `amqp://guest:wrong@127.0.0.1:${scene.server.port}/`)
    expect((await failure(broker.size('q'))).message).toMatch(/ACCESS.REFUSED/i)
  })
})

describe('a restart of the server', () => {
  test.each([{ kill: true }, ...inFull({ kill: false })])(
    '%o: nothing that was confirmed is lost; consumers go on; what is published while it is away waits, and arrives once',
    async (how) => {
      const broker = scene.open()
      const name = `restart-${how.kill}`
      await Promise.all(['1', '2', '3'].map((id) => broker.publish(envelopeOf(id), toQueue(name))))
      await broker.publish(envelopeOf('late'), toQueue(name), { notBefore: Date.now() + 6000 })
      const fanout: Queue = { name: `${name}-heard`, bindings: [{ exchange: 'news', kind: 'fanout' }], transient: true }
      const { consumer, reader } = await read(broker, name, 2)
      const news = await read(broker, [fanout])
      const held = await reader.take(2)
      const [other, whileAway] = [scene.open({ storeTimeout: 30_000 }), `wait-${how.kill}`]
      await other.publish(envelopeOf('1'), toQueue(whileAway))
      await (how.kill ? scene.server.kill() : scene.server.halt())
      await pause(50)
      const waiting = other.publish(envelopeOf('2'), toQueue(whileAway))
      await scene.server.start()
      await within('the confirmation', waiting, 20_000)
      expect(await other.size(whileAway)).toBe(2)
      await until('all works', () => consumer.problem === undefined)
      await broker.publish(envelopeOf('4'), toQueue(name))
      expect(await Promise.all(held.map((delivery) => delivery.ack()))).toEqual([false, false])
      const seen: (string | undefined)[] = []
      while (seen.length < 5) {
        const delivery = await reader.next()
        // After a crash the server says so of all that it had.
        if (!how.kill) expect(delivery.redelivered).toBe(idsOf(held).includes(idsOf([delivery])[0]))
        seen.push(...idsOf([delivery]))
        await delivery.ack()
      }
      expect(seen).toEqual(['1', '2', '3', '4', 'late'])
      await broker.publish(envelopeOf('told'), { exchange: 'news', routingKey: '' })
      expect(idsOf([await news.reader.next()])).toEqual(['told'])
    },
    40_000,
  )
})

describe('half-open', () => {
  test('a connection that carries nothing any more is found out, and replaced', async () => {
    const { proxy, url } = await scene.proxy()
    const broker = scene.open({ probe: { every: 1000, limit: 1500 } }, url)
    const { consumer, reader } = await read(broker, 'half')
    await broker.publish(envelopeOf('1'), toQueue('half'))
    const first = await reader.next()
    proxy.halfOpen()
    proxy.resume()
    await until('it is noticed', () => consumer.problem !== undefined, 12_000)
    await until('it works again', () => consumer.problem === undefined)
    expect(await first.ack()).toBe(false)
    expect(idsOf([await reader.next()])).toEqual(['1'])
    // The other connection is found out in its own time; what is under way on it then may have arrived or not.
    const sent = (): Promise<boolean> =>
      broker.publish(envelopeOf('2'), toQueue('half')).then(
        () => true,
        () => false,
      )
    await until('a publish is confirmed', sent)
    expect(idsOf([await reader.next()])).toEqual(['2'])
  })
})

describe('memory alarm', () => {
  test('publishers wait, then fail with its reason; what is held can be settled; afterwards all goes on', async () => {
    const broker = scene.open({ storeTimeout: 1000 })
    const { consumer, reader } = await read(broker, 'alarm')
    await broker.publish(envelopeOf('1'), toQueue('alarm'))
    const held = await reader.next()
    await scene.server.ctl('set_vm_memory_high_watermark', '0.00001')
    try {
      await failure(broker.publish(envelopeOf('2'), toQueue('alarm')))
      const error = await failure(broker.publish(envelopeOf('3'), toQueue('alarm')))
      expect(error).toBeInstanceOf(StoreUnavailableError)
      expect(error.message).toMatch(/takes no messages now: low on memory/)
      expect(consumer.problem?.message).toMatch(/low on memory/)
      expect(await held.ack()).toBe(true)
    } finally {
      await scene.server.ctl('set_vm_memory_high_watermark', '0.8')
    }
    await until('it is over', () => consumer.problem === undefined)
    await broker.publish(envelopeOf('4'), toQueue('alarm'))
    // The one that was on its way when the alarm came may arrive after all.
    const rest = idsOf(await reader.take(2))
    expect(rest).toEqual(['2', '4'])
  })
})

describe('queues', () => {
  test('one that exists with other arguments is left as it is, where nothing is asked for', async () => {
    const theirs = scene.open({ queues: { theirs: { maxPriority: 5, arguments: { 'x-max-length': 100 } } } })
    await theirs.publish(envelopeOf('1'), toQueue('theirs'))
    const broker = scene.open()
    await broker.publish(envelopeOf('2'), toQueue('theirs'))
    expect(idsOf(await (await read(broker, 'theirs')).reader.take(2))).toEqual(['1', '2'])
  })

  test('a mismatch is said with both values, and the broker goes on', async () => {
    await scene.open({ queues: { other: { maxPriority: 5 } } }).publish(envelopeOf('1'), toQueue('other'))
    const broker = scene.open({ queues: { other: { maxPriority: 9 } } })
    for (const wrong of [broker.publish(envelopeOf('2'), toQueue('other')), read(broker, 'other')]) {
      const error = await failure(wrong)
      expect(error).toBeInstanceOf(ConfigError)
      expect(error.message).toMatch(/queue other .*"x-max-priority":9.*'9'.*'5'/)
    }
    await broker.publish(envelopeOf('3'), toQueue('fine'))
    expect(await broker.size('fine')).toBe(1)
  })

  test('a virtual host at its limit of queues: in the words of the server, which blames no arguments', async () => {
    await scene.server.addVhosts(['limited'])
    await scene.server.ctl('set_vhost_limits', '-p', 'limited', '{"max-queues": 0}')
    const broker = scene.open({}, scene.server.url('limited'))
    const replies = [{ name: 'replies', transient: true }]
    const uses = [
      () => broker.publish(envelopeOf('1'), toQueue('one')),
      () => read(broker, 'one'),
      () => read(broker, replies),
    ]
    for (const use of uses) {
      const error = await failure(use())
      expect(error).toBeInstanceOf(ConfigError)
      expect(error.message).toMatch(/^queue \w+ cannot be declared; the server says: .*queue limit in vhost 'limited'/)
    }
  })

  test('deleted under a publisher and a consumer: made again', async () => {
    const broker = scene.open()
    const { reader } = await read(broker, 'deleted')
    await broker.publish(envelopeOf('1'), toQueue('deleted'))
    const held = await reader.next()
    await scene.server.ctl('delete_queue', 'deleted')
    await broker.publish(envelopeOf('2'), toQueue('deleted'))
    expect(idsOf([await reader.next()])).toEqual(['2'])
    expect(await held.ack()).toBe(true)
  })

  if (isFull)
    test('a quorum queue: taken at most so many, what is given back is no death; delays too', async () => {
      const broker = scene.open({ queues: { quorum: { type: 'quorum' } } })
      await Promise.all(['1', '2', '3', '4'].map((id) => broker.publish(envelopeOf(id), toQueue('quorum'))))
      const { reader } = await read(broker, 'quorum', 2)
      const [first, second] = await reader.take(2)
      await reader.nothing()
      await second?.ack()
      await first?.reject({ requeue: true })
      const again: [string | undefined, number][] = []
      while (again.length < 3) {
        const delivery = await reader.next()
        again.push([idsOf([delivery])[0], delivery.lost])
        await delivery.ack()
      }
      expect(again.sort()).toEqual([
        ['1', 0],
        ['3', 0],
        ['4', 0],
      ])
      await broker.publish(envelopeOf('later'), toQueue('quorum'), { notBefore: Date.now() + 500 })
      expect(idsOf([await reader.next()])).toEqual(['later'])
    })

  test('a quorum queue of somebody else, of which nothing is known here', async () => {
    const theirs = scene.open({ queues: { surprise: { type: 'quorum' } } })
    await theirs.publish(envelopeOf('1'), toQueue('surprise'))
    const { reader } = await read(scene.open(), 'surprise', 2)
    expect(idsOf([await reader.next()])).toEqual(['1'])
  })
})
