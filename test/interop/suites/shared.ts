import { type Channel, connect, type GetMessage } from 'amqplib'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { next, until } from '../../app/lab.ts'
import type { PythonClient } from '../celery.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'

/** Both kinds of worker on one queue. */
export function shared(kind: FleetOptions = {}): void {
  let fleet: Fleet

  beforeEach(async () => {
    fleet = await Fleet.start(kind)
  })
  afterEach(() => fleet.end())

  const looked = (queue: string) => onChannel(fleet.broker, (channel) => channel.checkQueue(queue))
  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

  describe('both kinds of worker on one queue', () => {
    // Over AMQP Celery's prefork pool is slow to take them, and takes five seconds to end.
    const count = kind.broker === 'rabbitmq' ? 200 : 500

    test('each task runs once, whoever sent it', { timeout: 60_000 }, async () => {
      const app = fleet.app({ queue: 'shared' })
      const python = await fleet.pythonClient({ queue: 'shared' })
      const theirWorker = await fleet.pythonWorker({ queue: 'shared', pool: 'prefork' })
      const ourWorker = await fleet.work(fleet.app({ queue: 'shared' }), { concurrency: 10 })
      const ours = Promise.all(numbers(0, count / 2).map((n) => app.send<[string, number]>('both.work', [n, 0.002])))
      const theirs = python.call<string[]>('many', {
        task: 'both.work',
        calls: numbers(count / 2, count).map((n) => [n, 0.002]),
      })
      const ids = [...(await ours).map(({ id }) => id), ...(await theirs)]
      const results = await Promise.all(ids.map((id) => app.result<[string, number]>(id).get({ timeout: '25s' })))
      expect(results.map(([, number]) => number)).toEqual(numbers(0, count))
      expect(new Set(results.map(([kind]) => kind))).toEqual(new Set(['python', 'typescript']))
      const effects = (await fleet.lines('effects')).map((line) => Number(line.split(' ')[0]))
      expect(effects.sort((a, b) => a - b)).toEqual(numbers(0, count))
      await until(async () => (await fleet.redis.hlen('unacked')) === 0)
      expect(await fleet.redis.zcard('unacked_index')).toBe(0)
      if (kind.broker !== 'rabbitmq') return
      await until(() => settledAll(python))
      await Promise.all([theirWorker.stop(), ourWorker.stop()])
      await until(async () => (await looked('shared')).consumerCount === 0)
      // What somebody still held would have come back, and stay.
      await until(async () => (await looked('shared')).messageCount === 0)
    })
  })

  test('what Python alone knows waits for its worker, and comes to it', { timeout: 60_000 }, async () => {
    const app = fleet.app({ queue: 'shared', unknownTaskTimeout: '60s' })
    const waiting = next(app, 'task:postponed')
    await fleet.work(app)
    const handle = await app.send<number>('py.add', [1, 2], { deadline: '1h', resultExpires: '2h' })
    expect(await waiting).toMatchObject({ id: handle.id, reason: 'it is not registered here' })
    await fleet.pythonWorker({ queue: 'shared' })
    expect(await handle.get({ timeout: '50s' })).toBe(3)
  })

  /**
   * Celery acknowledges after it has stored a result, when its main process hears of it; one that is told to stop just before never does, and
   * the message comes back (in three of 25 runs: stored by Python, redelivered). It is asked for what it still holds: first for what
   * it has not begun, as far as it knows, then for what runs.
   */
  async function settledAll(python: PythonClient): Promise<boolean> {
    for (const method of ['reserved', 'active']) {
      const args = { method, destination: ['py@test'], timeout: 5 }
      const told = await python.call<Record<string, unknown[]> | null>('inspect', args)
      if (told?.['py@test']?.length !== 0) return false
    }
    return true
  }

  describe('priorities', () => {
    const sent = [9, 3, 6, 0, 7, 2]
    // Kombu's Redis serves the lowest first, RabbitMQ the highest, of queues that are made for it.
    const served = kind.broker === 'rabbitmq' ? ['9', '7', '6', '3', '2', '0'] : ['0', '2', '3', '6', '7', '9']
    const theirs = kind.broker === 'rabbitmq' ? { maxPriority: 10, prefetchMultiplier: 1 } : {}
    const queues = { typescript: { maxPriority: 10 }, python: { maxPriority: 10 } }
    const ours = kind.broker === 'rabbitmq' ? { queues } : {}

    test('sent by ours, served by Python', async () => {
      await fleet.pythonWorker({ ...theirs, pool: kind.broker === 'rabbitmq' ? 'prefork' : 'solo', concurrency: 1 })
      const app = fleet.app({ ...ours, queue: 'python' })
      await app.send('py.gated', ['first'])
      await until(async () => (await fleet.lines('started')).length === 1)
      for (const priority of sent) await app.send('py.record', [String(priority)], { priority })
      await fleet.open('first')
      await until(async () => (await fleet.lines('order')).length === sent.length)
      expect(await fleet.lines('order')).toEqual(served)
    })

    test('sent by Python, served by ours', async () => {
      await fleet.work(fleet.app(ours), { pool: 'solo' })
      const python = await fleet.pythonClient({ ...theirs, queue: 'typescript' })
      await python.send('ts.gated', ['first'])
      await until(async () => (await fleet.lines('started')).length === 1)
      for (const priority of sent) await python.send('ts.record', [String(priority)], { priority })
      // Celery does not wait until the server has them: none to six were in the queue here.
      if (kind.broker === 'rabbitmq') await until(async () => (await looked('typescript')).messageCount === sent.length)
      await fleet.open('first')
      await until(async () => (await fleet.lines('order')).length === sent.length)
      expect(await fleet.lines('order')).toEqual(served)
    })

    test('a retry keeps its priority', async () => {
      await fleet.work(fleet.app(ours), { pool: 'solo' })
      const python = await fleet.pythonClient({ ...theirs, queue: 'typescript' })
      const id = await python.send('ts.retry_later', [], { priority: 6 })
      await until(async () => (await python.call<{ status: string }>('state', { id })).status === 'RETRY')
      expect(await priorityOfDelayed()).toBe(6)
    })

    /** Of the one message that waits for a time in ten minutes. */
    async function priorityOfDelayed(): Promise<unknown> {
      if (kind.broker === 'rabbitmq') {
        // 2^15 ticks of 16 ms: the first of its stays.
        const message = await until(() => onChannel(fleet.broker, (channel) => channel.get('typescript.delayed.15')))
        return (message as GetMessage).properties.priority
      }
      await until(async () => (await fleet.redis.hlen('unacked')) === 1)
      const [held] = await fleet.redis.hvals('unacked')
      return JSON.parse(held as string)[0].properties.priority
    }
  })
}

async function onChannel<Value>(url: string, step: (channel: Channel) => Promise<Value>): Promise<Value> {
  const connection = await connect(url)
  try {
    const channel = await connection.createChannel()
    // Told by the step.
    channel.on('error', () => undefined)
    return await step(channel)
  } finally {
    await connection.close()
  }
}
