import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { AsyncResult } from '../../src/calls/asyncResult.ts'
import type { WebhookOptions } from '../../src/config/webhookOptions.ts'
import { uuidOf } from '../../src/std/id.ts'
import { type Lab, next, onEachStore, until, useLab } from '../app/lab.ts'
import { deadIn } from '../deadLetters.ts'
import { inThreads } from './inThreads.ts'
import { define, webhooks } from './modules/app.ts'
import { type Got, Receiver, secretOf } from './receiver.ts'

let receiver: Receiver
beforeEach(async () => {
  receiver = await Receiver.start()
})
afterEach(() => receiver.stop())

const open = (lab: Lab, options: Partial<WebhookOptions> = {}): App =>
  define(lab.app({ webhooks: { ...webhooks, ...options } }))
/** The delivery that follows from a job's success. */
async function deliveryOf<Result>(app: App, id: string): Promise<AsyncResult<Result>> {
  await app.result(id).get()
  return app.result<Result>(uuidOf(id, 'webhook', 'SUCCESS'))
}
const eventOf = ({ body }: Got): Record<string, unknown> & { data: Record<string, unknown> } => JSON.parse(body)

onEachStore((lab, kind) => {
  test('a success is told: a CloudEvent that the public package verifies', async () => {
    const app = open(lab())
    await lab().work(app)
    const { id } = await app.send('add', [20, 22], { webhook: receiver.url })
    const got = await receiver.nth(1)
    expect(got.headers).toMatchObject({
      'content-type': 'application/cloudevents+json; charset=utf-8',
      'webhook-id': uuidOf(id, 'webhook', 'SUCCESS'),
      'content-length': String(Buffer.byteLength(got.body)),
    })
    expect(() => new Webhook(secretOf('one')).verify(got.body, got.headers)).not.toThrow()
    expect(() => new Webhook(secretOf('other')).verify(got.body, got.headers)).toThrow('No matching signature')
    expect(eventOf(got)).toEqual({
      specversion: '1.0',
      id: got.headers['webhook-id'],
      type: 'celeriac.job.succeeded.v1',
      source: 'urn:celeriac:celeriac',
      subject: id,
      time: expect.stringMatching(/^\d{4}-.*Z$/),
      datacontenttype: 'application/json',
      data: {
        id,
        task: 'add',
        state: 'SUCCESS',
        attempt: 1,
        startedAt: expect.any(String),
        finishedAt: expect.any(String),
        result: 42,
      },
    })
    // The delivery is a task with a record of its own.
    const delivery = await app.result(String(got.headers['webhook-id'])).get()
    expect(delivery).toEqual({ status: 204, attempts: 1 })
  })

  test('a failure, a revoked job, one that nobody knows, one without a record: each is told once', async () => {
    const app = open(lab())
    const call = { webhook: receiver.url }
    const waiting = await app.send('add', [1, 2], { ...call, countdown: '1h' })
    await waiting.revoke()
    const failed = await app.send('fail', ['too far'], call)
    const unknown = await app.send('nobody.knows', [], call)
    const ignored = await app.send('add', [1, 2], { ...call, ignoreResult: true })
    const running = await app.send('stop', [], call)
    const fromPython = await app.send('add', [3, 4], { headers: { celeriac_webhook: receiver.url } })
    await lab().work(app)
    await until(async () => (await running.state()) === 'WAITING')
    await running.revoke()
    // RabbitMQ cannot take a delayed message out: that one is told when it comes due.
    const taken = kind === 'rabbitmq' ? [] : [waiting]
    const ids = [failed, unknown, ignored, running, fromPython, ...taken].map(({ id }) => id)
    await receiver.nth(ids.length)
    const told = Object.fromEntries(receiver.got.map((got) => [eventOf(got).subject, eventOf(got)]))
    expect(Object.keys(told).sort()).toEqual(ids.sort())
    expect(receiver.got).toHaveLength(ids.length)
    expect(told[failed.id]).toMatchObject({
      type: 'celeriac.job.failed.v1',
      data: { state: 'FAILURE', error: { type: 'RangeError', message: 'too far' } },
    })
    expect(JSON.stringify(told[failed.id])).not.toContain('modules/app.ts')
    expect(told[unknown.id]).toMatchObject({ data: { error: { type: 'NotRegistered' } } })
    expect(told[ignored.id]).toMatchObject({ type: 'celeriac.job.succeeded.v1', data: { result: 3 } })
    expect(told[running.id]).toMatchObject({ type: 'celeriac.job.revoked.v1', data: { state: 'REVOKED' } })
    expect(told[fromPython.id]).toMatchObject({ source: 'urn:celeriac', data: { result: 7 } })
    for (const { id } of taken) expect(told[id]).toMatchObject({ type: 'celeriac.job.revoked.v1' })
  })

  test('a receiver that is down, then fails, then is up: the same event, signed anew', async () => {
    const app = open(lab())
    await lab().work(app)
    const { port } = receiver
    await receiver.stop()
    const retried = next(app, 'task:retry')
    const { id } = await app.send('add', [1, 1], { webhook: receiver.url })
    expect((await retried).error.message).toContain('ECONNREFUSED')
    receiver = new Receiver()
    receiver.answer = (response) => response.writeHead(503, { 'retry-after': '0' }).end()
    await receiver.listen(port)
    const first = await receiver.nth(1)
    receiver.answer = (response) => response.writeHead(200).end('thanks')
    const last = await until(() => receiver.got.length > 1 && receiver.got.at(-1))
    expect((last as Got).body).toBe(first.body)
    expect((last as Got).headers['webhook-id']).toBe(first.headers['webhook-id'])
    const delivery = await deliveryOf<{ attempts: number }>(app, id)
    expect((await delivery.get()).attempts).toBeGreaterThan(2)
  })
})

describe('deliveries', () => {
  const lab = useLab('sqlite')

  test('redirects are refused, not followed', async () => {
    const app = open(lab(), { retries: 0 })
    await lab().work(app)
    const elsewhere = await Receiver.start()
    lab().after(() => elsewhere.stop())
    receiver.answer = (response) => response.writeHead(307, { location: elsewhere.url }).end()
    const { id } = await app.send('add', [1, 1], { webhook: receiver.url })
    await receiver.nth(1)
    await expect((await deliveryOf(app, id)).get()).rejects.toThrow('expected a status of 2xx, got 307')
    expect(elsewhere.got).toEqual([])
  })

  test('what is never accepted ends as a FAILURE, with a copy in the dead-letter queue', async () => {
    const app = open(lab(), { retries: 2 })
    await lab().work(app)
    receiver.answer = (response) => response.writeHead(500).end()
    const { id } = await app.send('add', [1, 1], { webhook: receiver.url })
    const delivery = await deliveryOf(app, id)
    await expect(delivery.get()).rejects.toThrow('got 500')
    expect(receiver.got).toHaveLength(3)
    expect(await deadIn(app)).toBe(1)
    const { jobs } = await app.jobs({ state: 'FAILURE', task: 'celeriac.webhook' })
    expect(jobs.map((job) => job.id)).toEqual([delivery.id])
  })

  test('410 is final at once', async () => {
    const app = open(lab())
    await lab().work(app)
    receiver.answer = (response) => response.writeHead(410).end()
    const { id } = await app.send('add', [1, 1], { webhook: receiver.url })
    await expect((await deliveryOf(app, id)).get()).rejects.toThrow('410')
    expect(receiver.got).toHaveLength(1)
  })

  test('one that never answers ends at the timeout; an endless answer is cut', async () => {
    const app = open(lab(), { timeout: 200, retries: 0 })
    await lab().work(app)
    receiver.answer = () => undefined
    const silent = await app.send('add', [1, 1], { webhook: receiver.url })
    await expect((await deliveryOf(app, silent.id)).get()).rejects.toThrow('no answer within 200 ms')
    receiver.answer = (response) => {
      response.writeHead(200).write(Buffer.alloc(128 * 1024))
    }
    const endless = await app.send('add', [1, 1], { webhook: receiver.url })
    expect(await (await deliveryOf(app, endless.id)).get()).toMatchObject({ status: 200 })
  })

  test('while secrets are changed, both sign', async () => {
    const app = open(lab(), {
      secret: (url) => (url.includes('hook') ? [secretOf('new'), secretOf('old')] : secretOf('x')),
    })
    await lab().work(app)
    await app.send('add', [1, 1], { webhook: receiver.url })
    const { body, headers } = await receiver.nth(1)
    expect(headers['webhook-signature']?.split(' ')).toHaveLength(2)
    for (const secret of ['new', 'old']) expect(() => new Webhook(secretOf(secret)).verify(body, headers)).not.toThrow()
  })

  test('a long result is left out, to be fetched', async () => {
    const app = open(lab())
    await lab().work(app)
    await app.send('long', [], { webhook: receiver.url })
    const { data } = eventOf(await receiver.nth(1))
    expect(data).toMatchObject({ state: 'SUCCESS', resultOmitted: true })
    expect(data).not.toHaveProperty('result')
  })

  test('a queue of their own', async () => {
    const app = open(lab(), { queue: 'hooks', source: '/v1' })
    await lab().work(app)
    await app.send('add', [1, 1], { webhook: receiver.url })
    await until(async () => (await app.queueSize('hooks')) === 1)
    await lab().work(app, { queues: ['hooks'] })
    expect(eventOf(await receiver.nth(1)).source).toBe('/v1')
  })

  test('in threads, which have the task because the app is a Celeriac', async () => {
    const { add } = await inThreads(lab(), 1)
    await add.applyAsync([20, 22], { webhook: receiver.url })
    expect(eventOf(await receiver.nth(1)).data).toMatchObject({ result: 42 })
  })

  test('a worker that is killed while it tells: another tells, under the same id', async () => {
    receiver.answer = () => undefined
    const child = fork(new URL('./modules/process.ts', import.meta.url), [lab().url])
    lab().after(() => child.kill('SIGKILL'))
    await once(child, 'message')
    const app = define(lab().app({ lease: '1s', webhooks }))
    const handle = await app.send('add', [1, 1], { webhook: receiver.url })
    const first = await receiver.nth(1)
    expect(await handle.state()).toBe('SUCCESS')
    child.kill('SIGKILL')
    await once(child, 'exit')
    receiver.answer = (response) => response.writeHead(204).end()
    await lab().work(app)
    const second = await receiver.nth(2)
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id'])
    expect(second.body).toBe(first.body)
  })

  test('of many jobs whose workers are killed again and again, each tells, and none before its end', async () => {
    const app = define(lab().app({ lease: '1s', webhooks }))
    const early: string[] = []
    receiver.answer = async (response, got) => {
      const { subject } = eventOf(got)
      if ((await app.result(String(subject)).state()) !== 'SUCCESS') early.push(String(subject))
      response.writeHead(204).end()
    }
    const jobs = await Promise.all(
      Array.from({ length: 60 }, (_, n) => app.send('add', [n, n], { webhook: receiver.url })),
    )
    for (const told of [5, 25]) {
      const child = fork(new URL('./modules/process.ts', import.meta.url), [lab().url])
      await receiver.nth(told)
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await lab().work(app)
    const told = (): Set<unknown> => new Set(receiver.got.map((got) => eventOf(got).subject))
    await until(() => told().size === jobs.length)
    expect(told()).toEqual(new Set(jobs.map(({ id }) => id)))
    expect(new Set(receiver.got.map(({ headers }) => headers['webhook-id'])).size).toBe(jobs.length)
    expect(early).toEqual([])
  })

  test('a worker that is killed before the job ends tells nothing; the next one does', async () => {
    const child = fork(new URL('./modules/process.ts', import.meta.url), [lab().url])
    lab().after(() => child.kill('SIGKILL'))
    await once(child, 'message')
    const app = define(lab().app({ lease: '1s', webhooks }))
    const handle = await app.send('stop', [], { webhook: receiver.url })
    await until(async () => (await handle.state()) === 'WAITING')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(receiver.got).toEqual([])
    await handle.revoke()
    await lab().work(app)
    expect(eventOf(await receiver.nth(1))).toMatchObject({ subject: handle.id, type: 'celeriac.job.revoked.v1' })
    expect(receiver.got).toHaveLength(1)
  })
})
