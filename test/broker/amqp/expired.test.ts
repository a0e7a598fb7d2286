import amqplib from 'amqplib'
import { afterEach, expect, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import type { QueueOptions } from '../../../src/broker/queueOptions.ts'
import { encodeTask, NOTHING_EMBEDDED } from '../../../src/protocol/message.ts'
import { createLogger } from '../../../src/std/log.ts'
import type { AmqpBroker } from '../../../src/stores/rabbitmq/broker.ts'
import { until } from '../../../src/testing/kit.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { storesOf } from '../../app/stores.ts'
import { emptyRabbit } from '../../rabbitmq/shared.ts'
import { read } from './scene.ts'

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** An app whose one task runs until it is told to end. */
function open(broker: string, queues: Record<string, QueueOptions> = {}) {
  const app = new App({ broker, backend: 'rpc://', queues, logger: createLogger('silent') })
  stops.push(() => app.close())
  const { promise: freed, resolve: free } = Promise.withResolvers<void>()
  const runs: string[] = []
  const task = app.task('task', async (name: string) => {
    runs.push(name)
    await freed
    return name
  })
  return { app, task, runs, free }
}

async function work(app: App, queues: readonly string[] = ['celery']): Promise<void> {
  const worker = new Worker(app, { queues, concurrency: 1 })
  await worker.start()
  stops.push(() => worker.stop({ grace: 0 }))
}

/** As a Python client sends a call that expires: the property tells the server, the header the worker. */
async function sendAsPython(url: string, id: string, expires?: Date): Promise<void> {
  const message = { id, task: 'task', args: [id], kwargs: {}, embed: NOTHING_EMBEDDED, retries: 0, rootId: id }
  const { headers, properties, body } = encodeTask(
    { ...message, ignoreResult: false, headers: {}, expires: expires?.toISOString() },
    'json',
  )
  const connection = await amqplib.connect(url)
  const channel = await connection.createConfirmChannel()
  const options = { ...properties, headers: { ...headers }, replyTo: 'replies', correlationId: id, expiration: '100' }
  channel.sendToQueue('celery', Buffer.from(body as string), options)
  await channel.waitForConfirms()
  await connection.close()
}

test('a call of ours that expires while all slots are busy is dropped by nobody: the worker says so', async () => {
  const { app, task, runs, free } = open(await emptyRabbit())
  await work(app)
  const first = await task.delay('first')
  await until('the slot to be busy', () => runs.length === 1)
  const late = await task.applyAsync(['late'], { expires: 100 })
  await new Promise((resolve) => setTimeout(resolve, 300))
  expect(await app.queueSize()).toBe(1)
  free()
  expect(await first.get({ timeout: '10s' })).toBe('first')
  await expect(late.get({ timeout: '10s' })).rejects.toMatchObject({ code: 'TASK_REVOKED', message: 'expired' })
  expect(runs).toEqual(['first'])
})

test('one of Python that the server gives up: REVOKED by a worker on the queue behind, whatever its clock says', async () => {
  const url = await emptyRabbit()
  const behind = { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'celery.expired' }
  const { app, task, runs, free } = open(url, { celery: { arguments: behind } })
  await work(app, ['celery'])
  await work(app, ['celery.expired'])
  const first = await task.delay('first')
  await until('the slot to be busy', () => runs.length === 1)
  const { broker } = await storesOf(app)
  const { reader } = await read(broker as AmqpBroker, [{ name: 'replies', transient: true }])
  await sendAsPython(url, 'python', new Date(Date.now() + 3_600_000))
  const reply = JSON.parse(String((await reader.next()).envelope.body)) as Record<string, unknown>
  expect([reply.status, reply.task_id]).toEqual(['REVOKED', 'python'])
  expect(JSON.stringify(reply.result)).toContain('expired')
  // Without a header it was only delayed: a known way to send something later.
  await sendAsPython(url, 'delayed')
  await until('the delayed one to run', () => runs.includes('delayed'))
  free()
  expect(await first.get({ timeout: '10s' })).toBe('first')
  expect(runs).toEqual(['first', 'delayed'])
})
