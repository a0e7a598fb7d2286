import { connect } from 'amqplib'
import { expect, test } from 'vitest'
import { chord } from '../../../src/calls/workflow.ts'
import { SUCCESS } from '../../../src/protocol/states.ts'
import { ConfigError } from '../../../src/std/errors.ts'
import { envelopeOf, metaOf, toQueue } from '../../../src/testing/factories.ts'
import { onStores } from '../../app/lab.ts'
import { storesOf } from '../../app/stores.ts'
import { inFull } from '../../tier.ts'

/* The oldest job of a full queue of RabbitMQ is taken from its head, and revoked. */

const wait = { timeout: '30s' } as const
const DROPPING = { maxQueueLength: 2, onFull: 'drop-oldest' } as const

onStores(
  ['rabbitmq'],
  (lab) => {
    test.for(['classic', ...inFull('quorum' as const)] as const)(
      'on a %s queue: the oldest is revoked, with what follows from that, and the others run',
      async (type, { expect: own }) => {
        const app = lab().app({ ...DROPPING, queues: { celery: { type } } })
        const work = app.task('work', (n: number) => n)
        const sum = app.task('sum', (all: number[]) => all.reduce((one, other) => one + other, 0))
        await lab().work(app, { queues: ['others'] })
        const first = await work.delay(1)
        await work.delay(2)
        const joined = await chord([work.s(3), work.s(4)], sum.s()).delay()
        const last = await Promise.all([work.delay(5), work.delay(6)])
        own(await app.states([first.id])).toEqual(['REVOKED'])
        await own(first.get(wait)).rejects.toThrow('dropped: its queue was full')
        await own(joined.get(wait)).rejects.toThrow(/dropped: its queue was full/)
        await lab().work(app)
        own(await Promise.all(last.map((one) => one.get(wait)))).toEqual([5, 6])
      },
    )

    test('rpc://: the caller gets the end', async () => {
      const app = lab().app({ ...DROPPING, backend: 'rpc://' })
      const work = app.task('work', (n: number) => n)
      const sent = [await work.delay(1), await work.delay(2), await work.delay(3)]
      await expect(sent[0]?.get(wait)).rejects.toThrow('dropped: its queue was full')
      await lab().work(app)
      expect(await sent[2]?.get(wait)).toBe(3)
    })

    test('what is no job stays, what cannot be read is revoked, and what has ended keeps its end', async () => {
      const app = lab().app(DROPPING)
      const work = app.task('work', (n: number) => n)
      const { broker, backend } = await storesOf(app)
      const { headers: _, ...alien } = envelopeOf('alien')
      await broker.publish({ ...alien, headers: {} }, toQueue('celery'))
      await broker.publish({ ...envelopeOf('unreadable'), body: '[' }, toQueue('celery'))
      await work.delay(1)
      expect(await app.states(['unreadable'])).toEqual(['REVOKED'])
      await backend.store(metaOf('ended', SUCCESS))
      await broker.publish(envelopeOf('ended'), toQueue('celery'))
      const [, third] = [await work.delay(2), await work.delay(3)]
      expect(await app.states(['ended', third?.id ?? ''])).toEqual(['SUCCESS', 'PENDING'])
      expect(await broker.size('celery')).toBe(2)
    })

    test('a message of protocol 1 is a job: its body says so', async () => {
      const app = lab().app(DROPPING)
      const work = app.task('work', (n: number) => n)
      const { broker } = await storesOf(app)
      const [reply, old] = [envelopeOf('reply'), envelopeOf('old')]
      await broker.publish({ ...reply, headers: {}, body: '{"status":"SUCCESS"}' }, toQueue('celery'))
      const body = JSON.stringify({ task: 'work', id: 'old', args: [1], kwargs: {} })
      await broker.publish({ ...old, headers: {}, body }, toQueue('celery'))
      const sent = await work.delay(2)
      expect(await app.states(['reply', 'old', sent.id])).toEqual(['UNKNOWN', 'REVOKED', 'PENDING'])
    })

    test('jobs that wait for a limit: where no other waits', async () => {
      const limits = lab().backend
      const queues = { slow: { concurrency: 1 } }
      const app = lab().app({ ...DROPPING, limits, queues })
      const work = app.task('work', (n: number) => n, { queue: 'slow' })
      const sent = [await work.delay(1), await work.delay(2), await work.delay(3)]
      expect(await app.states(sent.map(({ id }) => id))).toEqual(['REVOKED', 'PENDING', 'PENDING'])
      await lab().work(app, { queues: ['slow'] })
      expect(await sent[2]?.get(wait)).toBe(3)
    })

    test('a queue with priorities is refused: its head is the most urgent message', async () => {
      const own = lab().app({ ...DROPPING, queues: { celery: { maxPriority: 9 } } })
      await expect(own.connect()).rejects.toThrow(/^queue celery: onFull: expected 'reject', as amqp:.*most urgent/)
      const connection = await connect(lab().url)
      const channel = await connection.createChannel()
      // As a Python worker declares it.
      await channel.assertQueue('celery', { durable: true, maxPriority: 9 })
      await connection.close()
      const app = lab().app(DROPPING)
      const work = app.task('work', (n: number) => n)
      await Promise.all([work.delay(1), work.delay(2)])
      const error = await work.delay(3).catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(ConfigError)
      expect(String(error)).toMatch(/queue celery exists with other properties: .* 'x-max-priority'/)
      expect(await app.queueSize()).toBe(2)
    })
  },
  { memory: false },
)
