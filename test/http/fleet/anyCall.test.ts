import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../../src/client/client.ts'
import { Celeriac } from '../../../src/index.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { until } from '../../app/lab.ts'
import { Contract, ValidatingProxy } from '../contract.ts'
import { build, type House } from '../house.ts'
import { authorize, PEOPLE } from './people.ts'

let house: House
let proxy: ValidatingProxy
let contract: Contract
/** An app whose tasks the server does not know. */
let elsewhere: Celeriac
let worker: Worker
beforeAll(async () => {
  house = await build('sqlite:', (app) => [app.task('add', (x: number, y: number) => x + y)], {
    http: { authorize, fleet: { anyTask: true } },
  })
  const document = (await house.ask('GET', '/openapi.json', { headers: PEOPLE.admin })).json
  contract = new Contract(document)
  proxy = await ValidatingProxy.start(house.server.url, contract)
  elsewhere = new Celeriac({ broker: house.app.config.broker.reveal(), logger: false })
  elsewhere.task('far.pair', (first: unknown, second: unknown = 'none') => [first, second])
  worker = new Worker(elsewhere, { queues: ['far'], hostname: 'w@far', logger: false, taskEvents: true })
  await worker.start()
})
afterAll(async () => {
  await worker.stop({ grace: 0 })
  await elsewhere.close()
  await proxy.stop()
  await house[Symbol.asyncDispose]()
})

const admin = () => createClient(proxy.url, { headers: PEOPLE.admin })

test('an admin calls a task that the server does not know; the call is in the audit log', async () => {
  const both = await admin().callAny('far.pair', { args: [1], kwargs: { second: 2 } }, { queue: 'far' })
  expect(await both.result()).toEqual([1, 2])
  const named = await admin().callAny('far.pair', { kwargs: { first: 'one' } }, { queue: 'far', priority: 3 })
  expect(await named.result()).toEqual(['one', 'none'])
  const listed = await house.post('/v1/tasks/far.pair?queue=far&countdown=0.2&tag=red', [5], PEOPLE.admin)
  expect(listed.status).toBe(202)
  const { id } = listed.json
  await until(async () => (await house.ask('GET', `/v1/jobs/${id}`, { headers: PEOPLE.admin })).json.result?.[0] === 5)
  const own = await house.post('/v1/tasks/add?priority=9', [1, 2], PEOPLE.admin)
  expect(own.status).toBe(202)
  const { entries } = await admin().audit({ action: 'task.submit' })
  expect(entries.map(({ target }) => target)).toEqual(['task add', ...Array(3).fill('task far.pair')])
  expect(entries[1]?.details).toEqual({ query: { queue: 'far', countdown: '0.2', tag: 'red' } })
  const { tasks } = await admin().knownTasks()
  expect(tasks.find(({ name }) => name === 'far.pair')).toMatchObject({ workers: ['w@far'] })
})

test('its jobs are submitted again with another input, and revoked', async () => {
  const first = await admin().callAny('far.pair', { args: [1] }, { queue: 'far' })
  await first.result()
  const again = await admin()
    .job(first.id)
    .retry({ call: { args: [2], kwargs: { second: 3 } }, queue: 'far' })
  expect(await again.result()).toEqual([2, 3])
  const waits = await admin().callAny('far.pair', { args: [1] }, { queue: 'nobody' })
  expect(await admin().cancel(waits.id)).toMatchObject({ state: 'REVOKED' })
})

test('who is no admin calls exposed tasks alone, and without options', async () => {
  for (const who of ['owner', 'operator'] as const) {
    expect((await house.post('/v1/tasks/far.pair', [1], PEOPLE[who])).status).toBe(404)
    expect((await house.post('/v1/tasks/add?queue=far', [1, 2], PEOPLE[who])).status).toBe(403)
    expect((await house.post('/v1/tasks/add', [1, 2], PEOPLE[who])).status).toBe(202)
  }
  expect((await house.post('/v1/tasks/far.pair', [1], PEOPLE.viewer)).status).toBe(403)
  expect((await house.post('/v1/tasks/celeriac.wait', [1], PEOPLE.admin)).status).toBe(404)
})

test('what is wrong with a call is said', async () => {
  for (const query of ['queue=', 'priority=256', 'priority=x', 'countdown=-1', 'eta=soon', 'call=2', 'queue=a&other=1'])
    expect([query, (await house.post(`/v1/tasks/far.pair?${query}`, [1], PEOPLE.admin)).json.errors?.length]).toEqual([
      query,
      1,
    ])
  expect((await house.post('/v1/tasks/far.pair?eta=2099-01-01&countdown=1', [1], PEOPLE.admin)).json.detail).toBe(
    'countdown: expected none beside eta',
  )
  const bodies = [
    [[1], '#'],
    [{ args: 1 }, '#/args'],
    [{ kwargs: [] }, '#/kwargs'],
    [{ args: [], more: 1 }, '#'],
  ] as const
  for (const [body, pointer] of bodies) {
    const { status, json } = await house.post('/v1/tasks/far.pair?call=1', body, PEOPLE.admin)
    expect([status, json.errors[0].pointer]).toEqual([422, pointer])
  }
})

test('all answers keep to the OpenAPI document', () => {
  expect(contract.breaches).toEqual([])
  expect(contract.seen.size).toBeGreaterThan(3)
})
