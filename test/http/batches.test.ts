import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { bearer } from '../../src/http/server/serve.ts'
import type { Celeriac } from '../../src/index.ts'
import { until } from '../../src/testing/kit.ts'
import { storesOf } from '../app/stores.ts'
import { build, type House } from './house.ts'

const define = (app: Celeriac) => {
  app.task('tasks.hidden', () => 1)
  const add = app.task('tasks.add', (x: number, y: number) => x + y)
  const render = app.task({ name: 'reports.render', input: z.object({ id: z.string() }), run: ({ id }) => id })
  const fail = app.task('tasks.fail', () => {
    throw new Error('no')
  })
  return [add, render, fail]
}

describe.each(['memory:', 'sqlite:', 'redis:'])('batches on %s', (store) => {
  let house: House
  beforeAll(async () => {
    house = await build(store, define, { worker: true })
  })
  afterAll(() => house[Symbol.asyncDispose]())

  test('many jobs in one request, and how far they are', async () => {
    const jobs = [
      { task: 'tasks.add', input: [1, 2], tags: ['first'] },
      { task: 'reports.render', input: { id: 'r1' } },
      { task: 'tasks.fail' },
    ]
    const answer = await house.post('/v1/batches', { jobs })
    expect(answer.status).toBe(202)
    const { id, links } = answer.json
    expect(answer.headers).toMatchObject({ location: `/v1/batches/${id}`, 'retry-after': '1' })
    expect(answer.json).toMatchObject({ total: 3, finished: 0, states: { PENDING: 3 } })
    expect(answer.json.jobs.map((job: { task: string }) => job.task)).toEqual(jobs.map(({ task }) => task))
    await until('all have ended', async () => (await house.ask('GET', links.self)).json.finished === 3)
    const done = await house.ask('GET', links.self)
    expect(done.headers['retry-after']).toBeUndefined()
    expect(done.json).toMatchObject({ id, total: 3, finished: 3, states: { SUCCESS: 2, FAILURE: 1 } })
    expect(done.json.createdAt).toBe(answer.json.createdAt)
    const [first] = done.json.jobs
    expect((await house.ask('GET', first.links.self)).json).toMatchObject({ state: 'SUCCESS', result: 3 })
    const { backend } = await storesOf(house.app)
    expect(await backend.jobs?.metadata([first.id])).toMatchObject([{ tags: ['first'] }])
  })

  test('one that is wrong refuses all, each fault with its pointer', async () => {
    let sent = 0
    const stop = house.app.on('task:before-publish', () => {
      sent++
    })
    const jobs = [
      { task: 'tasks.add', input: [1, 2] },
      { task: 'reports.render', input: { id: 7 } },
      { task: 'reports.render' },
      { task: 'tasks.hidden', input: [] },
      { input: [] },
      5,
      { task: 'tasks.add', input: { x: 1, z: 2 } },
      { task: 'tasks.add', input: [], priority: 3 },
      { task: 'tasks.add', input: [], tags: ['a\n'] },
    ]
    const answer = await house.post('/v1/batches', { jobs })
    expect([answer.status, answer.json.type]).toEqual([422, 'urn:celeriac:problem:invalid-input'])
    expect(answer.json.errors.map(({ pointer, code }: Record<string, string>) => [pointer, code])).toEqual([
      ['#/jobs/1/input/id', 'invalid'],
      ['#/jobs/2/input/id', 'required'],
      ['#/jobs/3/task', 'invalid'],
      ['#/jobs/4/task', 'required'],
      ['#/jobs/5', 'type'],
      ['#/jobs/6/input/z', 'invalid'],
      ['#/jobs/7', 'invalid'],
      ['#/jobs/8/tags', 'invalid'],
    ])
    stop()
    expect(sent).toBe(0)
  })

  test.each([null, [], {}, { jobs: [] }, { jobs: Array(1001).fill({ task: 'tasks.add', input: [1, 2] }) }])(
    'no batch: %#',
    async (body) =>
      expect((await house.post('/v1/batches', body)).json.type).toBe('urn:celeriac:problem:invalid-input'),
  )

  test('with a key: a replay is the same batch; another body is 422', async () => {
    const headers = { 'idempotency-key': '"b1"' }
    const body = {
      jobs: [
        { task: 'tasks.add', input: [1, 2] },
        { task: 'tasks.add', input: [1, 2] },
      ],
    }
    const first = await house.post('/v1/batches', body, headers)
    const again = await house.post('/v1/batches', body, headers)
    expect([again.status, again.headers['idempotent-replayed'], again.text]).toEqual([202, 'true', first.text])
    expect(new Set(first.json.jobs.map((job: { id: string }) => job.id)).size).toBe(2)
    const other = await house.post('/v1/batches', { jobs: body.jobs.slice(1) }, headers)
    expect([other.status, other.json.type]).toEqual([422, 'urn:celeriac:problem:key-reused'])
  })

  test('with a key: nothing twice, also where the records of its jobs have expired', async () => {
    await using own = await build(store, define)
    const headers = { 'idempotency-key': '"b3"' }
    const body = { jobs: [1, 2].map((x) => ({ task: 'tasks.add', input: [x, x] })) }
    const first = await own.post('/v1/batches', body, headers)
    const ids = first.json.jobs.map((job: { id: string }) => job.id)
    const { backend } = await storesOf(own.app)
    await backend.forget(ids)
    const again = await own.post('/v1/batches', body, headers)
    expect([again.status, again.headers['idempotent-replayed'], again.text]).toEqual([202, 'true', first.text])
    expect(await own.app.queueSize()).toBe(2)
    expect((await own.ask('GET', first.json.links.self)).json.states).toEqual({ UNKNOWN: 2 })
  })

  test('with a key: what a crash left out is sent later, and nothing twice, whatever has expired', async () => {
    await using own = await build(store, define)
    let broken = true
    own.app.use({
      send: (call, next) => {
        if (broken && call.args[0] === 2) throw new Error('the process dies here')
        return next(call)
      },
    })
    const sent: string[] = []
    own.app.on('task:after-publish', ({ id }) => sent.push(id))
    const headers = { 'idempotency-key': '"b4"' }
    const body = { jobs: [1, 2, 3].map((x) => ({ task: 'tasks.add', input: [x, x] })) }
    expect((await own.post('/v1/batches', body, headers)).status).toBe(500)
    await vi.waitFor(() => expect(sent).toHaveLength(2))
    const { backend } = await storesOf(own.app)
    await backend.forget(sent)
    broken = false
    expect((await own.post('/v1/batches', body, headers)).status).toBe(202)
    expect(await own.app.queueSize()).toBe(3)
    expect((await own.post('/v1/batches', body, headers)).headers['idempotent-replayed']).toBe('true')
    expect(await own.app.queueSize()).toBe(3)
  })

  test('with a key: a repeat sends what the first could not, and nothing twice', async () => {
    await using own = await build(store, define)
    let broken = true
    own.app.use({
      send: (call, next) => {
        if (broken && call.args[0] === 3) throw new Error('the process dies here')
        return next(call)
      },
    })
    const headers = { 'idempotency-key': '"b2"' }
    const body = { jobs: [1, 2, 3, 4].map((x) => ({ task: 'tasks.add', input: [x, x] })) }
    expect((await own.post('/v1/batches', body, headers)).status).toBe(500)
    broken = false
    const again = await own.post('/v1/batches', body, headers)
    expect([again.status, again.json.total]).toEqual([202, 4])
    expect(await own.app.queueSize()).toBe(4)
    expect((await own.ask('GET', again.json.links.self)).json.states).toEqual({ PENDING: 4 })
  })

  test('unknown batches and wrong methods', async () => {
    expect((await house.ask('GET', '/v1/batches/nobody')).json.type).toBe('urn:celeriac:problem:unknown-batch')
    expect((await house.ask('GET', '/v1/batches')).headers.allow).toBe('POST')
    expect((await house.ask('DELETE', '/v1/batches/x')).headers.allow).toBe('GET, HEAD')
  })
})

test('a batch is its owner’s', async () => {
  const authorize = bearer({
    'a-token-of-ann-1234': 'ann',
    'a-token-of-bob-1234': 'bob',
    'a-token-of-root-123': { id: 'root', scopes: ['admin'] },
  })
  await using house = await build('memory:', define, { http: { authorize } })
  const as = (name: string) => ({ authorization: `Bearer a-token-of-${name}` })
  const { json } = await house.post('/v1/batches', { jobs: [{ task: 'tasks.add', input: [1, 2] }] }, as('ann-1234'))
  const see = async (name: string): Promise<number> =>
    (await house.ask('GET', json.links.self, { headers: as(name) })).status
  expect([await see('ann-1234'), await see('bob-1234'), await see('root-123')]).toEqual([200, 404, 200])
})
