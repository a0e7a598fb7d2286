import { afterAll, beforeAll, expect, test } from 'vitest'
import { internalsOf } from '../../../src/app/internals.ts'
import { createClient } from '../../../src/client/client.ts'
import { bearer } from '../../../src/http/server/serve.ts'
import type { Celeriac } from '../../../src/index.ts'
import { EVENT_EXCHANGE, eventEnvelope } from '../../../src/protocol/event.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { until } from '../../app/lab.ts'
import { Contract, ValidatingProxy } from '../contract.ts'
import { build, type House } from '../house.ts'

/* What the page of one job needs beside the record: its input, another run, its trace, and an end for Python's. */

const TOKENS = { ann: 'a-token-of-ann-1234', bob: 'a-token-of-bob-1234', vic: 'a-token-of-vic-1234' }
const STAFF = { oscar: 'a-token-of-oscar-12', root: 'a-token-of-root-123' }
const authorize = bearer({
  [TOKENS.ann]: 'ann',
  [TOKENS.bob]: 'bob',
  [TOKENS.vic]: { id: 'vic', scopes: ['viewer'] },
  [STAFF.oscar]: { id: 'oscar', scopes: ['operator'] },
  [STAFF.root]: { id: 'root', scopes: ['admin'] },
})

function define(app: Celeriac) {
  app.task('hidden', () => 'hidden')
  app.task(
    'lost',
    (path: string) => {
      throw new Error(`no disk for ${path}`)
    },
    { deadLetter: true },
  )
  const pay = app.task('pay', (_card: string, sum: number) => sum, { sensitive: ['_card'] })
  return [pay, app.task('math.add', (x: number, y: number) => x + y)]
}

let house: House
let proxy: ValidatingProxy
let worker: Worker
const clientOf = (who: keyof typeof TOKENS | keyof typeof STAFF) =>
  createClient(proxy.url, { token: { ...TOKENS, ...STAFF }[who] })

beforeAll(async () => {
  house = await build('sqlite:', define, { http: { authorize, fleet: true } })
  const headers = { authorization: `Bearer ${STAFF.root}` }
  const document = (await house.ask('GET', '/openapi.json', { headers })).json
  proxy = await ValidatingProxy.start(`http://127.0.0.1:${house.server.port}`, new Contract(document))
  await clientOf('root').recorded.jobs()
  worker = new Worker(house.app, { concurrency: 4, taskEvents: true })
  await worker.start()
})
afterAll(async () => {
  await worker.stop()
  await proxy.stop()
  await house[Symbol.asyncDispose]()
})

test('the input of a job, for its owner and admins; without what is sensitive', async () => {
  const { id } = await clientOf('ann').submit('math.add' as never, [1, 2] as never)
  for (const who of ['ann', 'root'] as const)
    expect(await clientOf(who).recorded.input(id)).toEqual({ args: [1, 2], kwargs: {} })
  await expect(clientOf('vic').recorded.input(id)).rejects.toMatchObject({ kind: 'forbidden' })
  await expect(clientOf('bob').recorded.input(id)).rejects.toMatchObject({ status: 404 })
  const pay = await clientOf('ann').submit('pay' as never, ['4111', 5] as never)
  expect(await clientOf('root').recorded.input(pay.id)).toEqual({ args: ['…', 5], kwargs: {}, concealed: true })
  const sent = await house.app.send('hidden', [])
  await expect(clientOf('root').recorded.input(sent.id)).rejects.toMatchObject({ kind: 'input-not-kept' })
})

test('a job is submitted once more by its handle, by an admin with another input', async () => {
  const job = await clientOf('ann').submit('math.add' as never, [1, 2] as never)
  await job.result()
  expect(await (await job.retry()).result()).toBe(3)
  expect(
    await (
      await clientOf('root')
        .job(job.id)
        .retry({ input: [4, 5] })
    ).result(),
  ).toBe(9)
  await expect(job.retry({ input: [4, 5] })).rejects.toMatchObject({ status: 403 })
})

test('without a kept input that of its dead letter is taken', async () => {
  const { id } = await house.app.send('lost', ['a'])
  const root = clientOf('root')
  await until(async () => (await root.job(id).info()).state === 'FAILURE')
  expect(await root.recorded.input(id)).toEqual({ args: ['a'], kwargs: {} })
  expect(await house.app.retryJobs({ ids: [id] }, { dryRun: true })).toMatchObject({ inputNotKept: [] })
  const { retried } = await house.app.retryJobs({ ids: [id] })
  await expect(root.job(retried[id] as string).result()).rejects.toThrow('no disk for a')
  await house.app.deadLetters.drop({ ids: [id] })
  await expect(root.recorded.input(id)).rejects.toMatchObject({
    kind: 'input-not-kept',
    message: expect.stringContaining('keepInput keeps it'),
  })
})

test('an operator revokes a job that the recorder alone knows', async () => {
  const id = crypto.randomUUID()
  const { broker, backend } = await internalsOf(house.app).stores()
  const sent = { type: 'task-sent', hostname: 'gen@py', timestamp: Date.now() / 1000, uuid: id, name: 'python.task' }
  await broker.publish(eventEnvelope(sent, 'gen@py'), { exchange: EVENT_EXCHANGE, routingKey: 'task.multi' })
  await until(async () => (await clientOf('root').recorded.jobs({ task: 'python.task' })).jobs.length === 1)
  await expect(clientOf('vic').cancel(id)).rejects.toMatchObject({ status: 403 })
  await expect(clientOf('ann').cancel(id)).rejects.toMatchObject({ status: 404 })
  expect(await clientOf('oscar').cancel(id)).toMatchObject({ id, task: 'python.task' })
  expect(await backend.revoked.all()).toContain(id)
})

test('a job shows the trace context that its message had; what is none is left out', async () => {
  const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  const root = clientOf('root')
  for (const value of [traceparent, 'no trace']) {
    const { id } = await house.app.send('hidden', [], { headers: { traceparent: value } })
    await root.job(id).result()
    expect((await root.job(id).info()).traceparent).toBe(value === traceparent ? traceparent : undefined)
  }
})
