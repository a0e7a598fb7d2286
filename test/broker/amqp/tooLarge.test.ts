import amqplib from 'amqplib'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { App } from '../../../src/app/app.ts'
import type { Queue } from '../../../src/broker/broker.ts'
import { createHttp } from '../../../src/http/api.ts'
import { ConfigError, PayloadTooLargeError, type TaskError } from '../../../src/std/errors.ts'
import { createLogger } from '../../../src/std/log.ts'
import type { AmqpBroker } from '../../../src/stores/rabbitmq/broker.ts'
import { AmqpConnection } from '../../../src/stores/rabbitmq/connection/connection.ts'
import { envelopeOf, toQueue } from '../../../src/testing/factories.ts'
import { until, within } from '../../../src/testing/kit.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { RabbitServer } from '../../rabbitmq/server.ts'
import { AmqpScene, read } from './scene.ts'

const LIMIT = 2 ** 20
const scene = new AmqpScene(() => RabbitServer.start({ maxMessageSize: LIMIT }))

/** A message with a body of this many bytes. */
function sized(id: string, size: number) {
  return { ...envelopeOf(id), body: JSON.stringify('x'.repeat(size - 2)) }
}

/** Publish all in one turn; what became of each. */
function publishAll(broker: AmqpBroker, queue: string, sizes: readonly number[], notBefore?: number) {
  return Promise.allSettled(
    sizes.map((size, at) => broker.publish(sized(String(at), size), toQueue(queue), { notBefore })),
  )
}

/** Sizes of those that were refused, with the errors. */
function refused(sizes: readonly number[], fates: readonly PromiseSettledResult<void>[]): [number, unknown][] {
  return fates.flatMap((fate, at) => (fate.status === 'rejected' ? [[sizes[at] as number, fate.reason]] : []))
}

describe('a message above max_message_size', () => {
  test('rejects alone, with size and limit; what is under way with it arrives once', async () => {
    const broker = scene.open()
    // The channel is open, and the queue known: all go out in one turn.
    await broker.publish(sized('first', 100), toQueue('alone'))
    const sizes = Array.from({ length: 401 }, (_, at) => (at === 160 ? 3 * LIMIT : 300 + at))
    const fates = await within('all to be answered', publishAll(broker, 'alone', sizes))
    const error = expect.objectContaining({ code: 'PAYLOAD_TOO_LARGE', size: 3 * LIMIT, limit: LIMIT })
    expect(refused(sizes, fates)).toEqual([[3 * LIMIT, error]])
    expect(await broker.size('alone')).toBe(401)
  })

  test('the limit is known from then on: the next one is refused here, and no channel ends', async () => {
    const broker = scene.open()
    await expect(broker.publish(sized('1', LIMIT + 1), toQueue('known'))).rejects.toBeInstanceOf(PayloadTooLargeError)
    await broker.publish(sized('2', LIMIT), toQueue('known'))
    const opened = vi.spyOn(AmqpConnection.prototype, 'confirmChannel')
    const sizes = [100, LIMIT + 1, 100]
    expect(refused(sizes, await publishAll(broker, 'known', sizes)).map(([size]) => size)).toEqual([LIMIT + 1])
    expect(opened).not.toHaveBeenCalled()
    opened.mockRestore()
    expect(await broker.size('known')).toBe(3)
  })

  test('long ones of different sizes, one turn: those that fit arrive once, in their order', async () => {
    const broker = scene.open()
    const sizes = [50_000, 300_000, 20_000, 2 * LIMIT, 900_000, 400, LIMIT + 7, 600_000]
    const fates = await within('all to be answered', publishAll(broker, 'long', sizes))
    expect(refused(sizes, fates).map(([size]) => size)).toEqual([2 * LIMIT, LIMIT + 7])
    const { reader } = await read(broker, 'long')
    const came = await reader.take(6)
    expect(came.map(({ envelope }) => envelope.properties.correlationId)).toEqual(['0', '1', '2', '4', '5', '7'])
    await Promise.all(came.map((delivery) => delivery.ack()))
    expect(await broker.size('long')).toBe(0)
  })

  test('delayed ones too', async () => {
    const broker = scene.open()
    const sizes = [100, 2 * LIMIT, 100]
    const fates = await publishAll(broker, 'delayed', sizes, Date.now() + 300)
    expect(refused(sizes, fates).map(([size]) => size)).toEqual([2 * LIMIT])
    await until('both to come out', async () => (await broker.size('delayed')) === 2)
  })
})

describe('a limit that fell', () => {
  const LOW = 5000
  const failures: unknown[] = []

  function open() {
    const app = new App({
      broker: scene.server.url(),
      backend: 'rpc://',
      queue: 'fell',
      logger: createLogger('silent'),
      unknownTaskTimeout: 0,
    })
    const retry = app.task(
      'retry',
      (_text: string): void => {
        throw new Error('once more')
      },
      { retry: { max: 3, delay: 1 } },
    )
    return { app, retry, good: app.task('good', () => 'good') }
  }
  let caller: ReturnType<typeof open>

  beforeAll(async () => {
    caller = open()
    // Those that were taken before: no copy of them can be sent any more.
    const calls = [
      await caller.app.send('nobody', ['x'.repeat(2 * LOW)]),
      await caller.retry.delay('x'.repeat(2 * LOW)),
    ]
    for (const call of calls) call.get({ timeout: '60s' }).catch((error: unknown) => failures.push(error))
    await scene.server.ctl('eval', `application:set_env(rabbit, max_message_size, ${LOW}).`)
  })
  afterAll(async () => {
    await caller.app.close()
    await scene.server.ctl('eval', `application:set_env(rabbit, max_message_size, ${LIMIT}).`)
  })

  test('so low that nobody expects it: the long ones reject, and the others are published again', async () => {
    const broker = scene.open()
    await broker.publish(sized('first', 100), toQueue('low'))
    const sizes = Array.from({ length: 300 }, (_, at) => (at % 100 === 50 ? 6000 + at : 200))
    const fates = await within('all to be answered', publishAll(broker, 'low', sizes))
    expect(refused(sizes, fates).map(([size]) => size)).toEqual([6050, 6150, 6250])
    const { reader } = await read(broker, 'low', 1000)
    const ids = new Set<string | undefined>()
    // Those before the first long one may exist twice: the channel ended before they were confirmed.
    await until('all the others', async () => {
      for (const { envelope } of await reader.take(1)) ids.add(envelope.properties.correlationId)
      return ids.size === 298
    })
  })

  test('a dead letter and a retry that are too large now: each task ends, is acknowledged, and the next one runs', async () => {
    const { app } = open()
    scene.after(() => app.close())
    const worker = new Worker(app, { concurrency: 1 })
    await worker.start()
    scene.after(() => worker.stop({ grace: 0 }))
    await until('both to end', () => failures.length === 2)
    expect(failures).toEqual([
      expect.objectContaining({ code: 'TASK_FAILED', type: 'NotRegistered' }),
      expect.objectContaining({ code: 'TASK_FAILED', message: expect.stringMatching(/at most 5000 bytes/) }),
    ])
    expect(await caller.good.delay().get({ timeout: '10s' })).toBe('good')
    expect(await caller.app.queueSize()).toBe(0)
  })
})

/** As an operator does. */
async function deleteExchange(name: string): Promise<void> {
  const connection = await amqplib.connect(scene.server.url())
  await (await connection.createChannel()).deleteExchange(name)
  await connection.close()
}

describe('an exchange', () => {
  const news = (exchange: string): Queue => {
    return { name: `of-${exchange}`, bindings: [{ exchange, kind: 'fanout' }], transient: true }
  }

  test('that is gone, or that the user may not write to, disturbs no other message', async () => {
    const admin = scene.open()
    const [open, closed, gone] = ['open', 'closed', 'gone']
    const readers = await Promise.all([open, closed, gone].map((name) => read(admin, [news(name as string)])))
    await scene.server.ctl(
      'eval',
      `ok = rabbit_auth_backend_internal:add_user(<<"reader">>, <<"secret">>, <<"t">>),
       rabbit_auth_backend_internal:set_permissions(<<"reader">>, <<"/">>, <<".*">>, <<"^(?!closed).*$">>, <<".*">>, <<"t">>).`,
    )
    const url = `amqp://reader:secret@127.0.0.1:${scene.server.port}/`
    const broker = scene.open({}, url)
    const send = (exchange: string, id: string) => broker.publish(envelopeOf(id), { exchange, routingKey: '' })
    // The channel is open, and each exchange known to be there.
    await Promise.all([send('open', '1'), send('gone', '1')])
    await deleteExchange('gone')
    const fates = await within(
      'all to be answered',
      Promise.allSettled([send('open', '2'), send('gone', '2'), send('closed', '2'), send('open', '3')]),
    )
    expect(fates.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled'])
    expect((fates[2] as PromiseRejectedResult).reason).toBeInstanceOf(ConfigError)
    const ids = new Set<string | undefined>()
    await until('what was sent to the open one', async () => {
      for (const { envelope } of (await readers[0]?.reader.take(1)) ?? []) ids.add(envelope.properties.correlationId)
      return ids.size === 3
    })
  })
})

describe('rpc://', () => {
  const runs: string[] = []

  function open(queue: string) {
    const app = new App({ broker: scene.server.url(), backend: 'rpc://', queue, logger: createLogger('silent') })
    scene.after(() => app.close())
    const big = app.task('big', (size: number) => {
      runs.push('big')
      return 'x'.repeat(size)
    })
    const bigError = app.task('bigError', (size: number): string => {
      throw new RangeError('x'.repeat(size))
    })
    return { app, big, bigError, add: app.task('add', (a: number, b: number) => a + b) }
  }

  /** A caller, and a worker with a connection of its own: results cross the server. */
  async function openBoth(queue: string) {
    runs.length = 0
    const worker = new Worker(open(queue).app, { concurrency: 1 })
    await worker.start()
    scene.after(() => worker.stop({ grace: 0 }))
    return open(queue)
  }

  test('a result that is too large is a FAILURE that says so; the next task runs, and nothing runs twice', async () => {
    const { app, big, add } = await openBoth('rpc-result')
    const failure = await big
      .delay(2 * LIMIT)
      .get({ timeout: '10s' })
      .catch(({ code, type, message }: TaskError) => ({ code, type, message }))
    const message = expect.stringMatching(/at most 1048576 bytes .*, got \d{7}/)
    expect(failure).toEqual({ code: 'TASK_FAILED', type: 'PayloadTooLargeError', message })
    expect(await add.delay(1, 2).get({ timeout: '10s' })).toBe(3)
    expect((await big.delay(900_000).get({ timeout: '10s' })).length).toBe(900_000)
    expect([runs, await app.queueSize()]).toEqual([['big', 'big'], 0])
  })

  test('the error of a failure that is too large is cut; the next task runs', async () => {
    const { bigError, add } = await openBoth('rpc-error')
    const failure = await bigError
      .delay(2 * LIMIT)
      .get({ timeout: '10s' })
      .catch(({ code, type, message }: TaskError) => [code, type, message.slice(0, 100)])
    expect(failure).toEqual(['TASK_FAILED', 'RangeError', 'x'.repeat(100)])
    expect(await add.delay(2, 2).get({ timeout: '10s' })).toBe(4)
  })

  test('a call that is too large rejects and leaves no record; over HTTP it is 413', async () => {
    const { app, big, add } = await openBoth('rpc-call')
    const call = app.send('add', ['x'.repeat(2 * LIMIT), 1], { taskId: 'large' })
    await expect(call).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE', limit: LIMIT })
    expect(await app.result('large').state()).toBe('UNKNOWN')
    expect(await add.delay(1, 2).get({ timeout: '10s' })).toBe(3)
    const http = createHttp(app, { expose: [big], maxBody: 4 * LIMIT })
    const answer = await http.request('http://127.0.0.1/v1/tasks/big', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(['x'.repeat(2 * LIMIT)]),
    })
    const problem = expect.objectContaining({ type: 'urn:celeriac:problem:body-too-large' })
    expect([answer.status, await answer.json()]).toEqual([413, problem])
  })
})
